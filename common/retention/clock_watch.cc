#include "common/retention/clock_watch.h"

#include "absl/strings/str_cat.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kNear = absl::Hours(1);

std::string Show(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

std::string Gap(absl::Time from, absl::Time to) {
  return absl::StrCat(
      "the server's time went from ", Show(from), " to ", Show(to), " (",
      absl::ToInt64Hours(to - from), " h, at most ",
      absl::ToInt64Hours(ClockWatch::kMaxGap),
      " h are expected). If that is right, any signed order confirms it, a "
      "`nightsafe-admin prune` for example");
}

}  // namespace

void ClockWatch::Observe(absl::Time record) {
  if (last_ != absl::InfinitePast() && record - last_ > kMaxGap &&
      gap_to_ == absl::InfinitePast()) {
    gap_from_ = last_;
    gap_to_ = record;
  }
  if (record > last_) last_ = record;
}

void ClockWatch::Confirm(absl::Time record, absl::Time issued) {
  if (absl::AbsDuration(record - issued) > kNear) return;
  gap_from_ = absl::InfinitePast();
  gap_to_ = absl::InfinitePast();
}

std::string ClockWatch::Doubt(absl::Time now) const {
  if (gap_to_ != absl::InfinitePast()) return Gap(gap_from_, gap_to_);
  if (last_ == absl::InfinitePast()) return "";
  if (now - last_ > kMaxGap) return Gap(last_, now);
  if (now < last_) {
    return absl::StrCat("the server's clock says ", Show(now),
                        ", its journal's last record is of ", Show(last_),
                        ": set the clock right, or wait until it is past that");
  }
  return "";
}

}  // namespace nightsafe
