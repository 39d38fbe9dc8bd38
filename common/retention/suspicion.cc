#include "common/retention/suspicion.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nightsafe {
namespace {

// Ordinary snapshots that are remembered, and how many make a rule.
constexpr size_t kRemembered = 30;
constexpr size_t kEnough = 5;
// Days that what is remembered of a pace stands for: another pace is the usual
// one after half of them, twice the default floor. No single gap counts for
// more than some.
constexpr int64_t kPaceDays = 56;
constexpr int64_t kMaxGapDays = 14;
constexpr size_t kEnoughDays = 3;

// A distribution upgrade keeps more than this of a machine, and stores less.
constexpr double kLeastKept = 0.3;
// Sets that now and then keep less than this are not judged by what they keep.
constexpr double kLeastUsual = 0.1;
constexpr double kLeastReached = 0.4;
constexpr double kMostNew = 0.7;
// A set changes as much as half of what it ever did without notice.
constexpr double kKeptOfUsual = 0.5;
constexpr uint64_t kNewOfUsual = 8;
// Below these a few files are a large share.
constexpr uint64_t kLeastJudged = 1 << 20;
constexpr uint64_t kLeastNew = 16 << 20;
constexpr uint64_t kLeastSize = 16 << 10;
constexpr int64_t kMostPerDay = 12;
constexpr int64_t kPerDayOfUsual = 4;

int64_t DayOf(absl::Time time) {
  return absl::ToUnixSeconds(time) / (24 * 3600);
}

template <typename T>
void Remember(std::deque<T>& values, T value, size_t most) {
  values.push_back(value);
  if (values.size() > most) values.pop_front();
}

// The value below which `share` of them lie.
template <typename T>
T Quantile(const std::deque<T>& values, double share) {
  std::vector<T> sorted(values.begin(), values.end());
  const auto at =
      static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(at);
  std::nth_element(sorted.begin(), nth, sorted.end());
  return *nth;
}

std::string ShowSize(uint64_t bytes) {
  if (bytes < 1 << 20) return absl::StrCat((bytes + 1023) >> 10, " KiB");
  if (bytes < uint64_t{10} << 30) return absl::StrCat(bytes >> 20, " MiB");
  return absl::StrCat(bytes >> 30, " GiB");
}

double ShareKept(const Measures& snapshot) {
  return static_cast<double>(snapshot.kept_bytes) /
         static_cast<double>(snapshot.previous_bytes);
}

}  // namespace

Observation SetObserver::Observe(const Measures& snapshot, bool keyed) {
  Observation result;
  result.extra = Count(snapshot.received);
  if (keyed) return result;
  result.suspicion = JudgePace();
  const bool flood = result.suspicious();
  if (!flood) result.suspicion = Judge(snapshot);
  if (pending_.empty() && !result.suspicious()) {
    Learn(snapshot);
  } else {
    pending_.push_back({snapshot, result.suspicion, flood});
  }
  return result;
}

bool SetObserver::Count(absl::Time received) {
  const int64_t day = DayOf(received);
  const bool first = day_ == 0;
  if (!first && day != day_) {
    RememberDay({.snapshots = today_, .gap = day - day_});
    today_ = 0;
  }
  day_ = day;
  ++today_;
  if (days_.size() < kEnoughDays) {
    last_ordinary_day_ = day;
    return false;
  }
  if (today_ > Usual(&Day::snapshots)) return true;
  const int64_t gap = Usual(&Day::gap);
  if (day != last_ordinary_day_ && day - last_ordinary_day_ < gap - gap / 4) {
    return true;
  }
  last_ordinary_day_ = day;
  return false;
}

void SetObserver::RememberDay(const Day& day) {
  const auto weight = [](const Day& one) {
    return std::min(one.gap, kMaxGapDays);
  };
  days_.push_back(day);
  remembered_days_ += weight(day);
  while (remembered_days_ - weight(days_.front()) >= kPaceDays) {
    remembered_days_ -= weight(days_.front());
    days_.pop_front();
  }
}

int64_t SetObserver::Usual(int64_t Day::*value) const {
  std::vector<Day> sorted(days_.begin(), days_.end());
  std::sort(sorted.begin(), sorted.end(),
            [&](const Day& a, const Day& b) { return a.*value < b.*value; });
  int64_t passed = 0;
  for (const Day& day : sorted) {
    passed += std::min(day.gap, kMaxGapDays);
    if (2 * passed >= remembered_days_) return day.*value;
  }
  return sorted.back().*value;
}

std::string SetObserver::JudgePace() const {
  if (days_.size() < kEnoughDays) return "";
  const int64_t usual = Usual(&Day::snapshots);
  if (today_ <= std::max(kMostPerDay, kPerDayOfUsual * usual)) return "";
  return absl::StrCat("it is number ", today_, " of its day, when there are ",
                      usual, " as a rule");
}

std::string SetObserver::Judge(const Measures& snapshot) const {
  if (snapshot.previous_bytes >= kLeastJudged &&
      kept_share_.size() >= kEnough) {
    // The least there was: sets like dumps have nights of every kind.
    const double usual = Quantile(kept_share_, 0);
    const double share = ShareKept(snapshot);
    if (usual >= kLeastUsual &&
        share < std::min(kLeastKept, kKeptOfUsual * usual)) {
      return absl::StrFormat(
          "it keeps %.0f %% of what the one before it held, when at least "
          "%.0f %% are the rule",
          100 * share, 100 * usual);
    }
  }
  if (reached_bytes_.size() < kEnough) return "";
  const uint64_t least = Quantile(reached_bytes_, 0.1);
  if (snapshot.reached_bytes > 0 && least >= kLeastSize &&
      static_cast<double>(snapshot.reached_bytes) <
          kLeastReached * static_cast<double>(least)) {
    return absl::StrCat("it holds ", ShowSize(snapshot.reached_bytes),
                        ", when ", ShowSize(least), " are the rule");
  }
  const uint64_t most = Quantile(new_bytes_, 0.9);
  const uint64_t size = Quantile(reached_bytes_, 0.5);
  if (snapshot.new_bytes >= kLeastNew &&
      snapshot.new_bytes / kNewOfUsual > most &&
      static_cast<double>(snapshot.new_bytes) >
          kMostNew * static_cast<double>(size)) {
    return absl::StrCat(ShowSize(snapshot.new_bytes), " of it are new, when ",
                        ShowSize(most), " of ", ShowSize(size),
                        " are the rule");
  }
  return "";
}

void SetObserver::Learn(const Measures& snapshot) {
  Remember(new_bytes_, snapshot.new_bytes, kRemembered);
  if (snapshot.reached_bytes > 0) {
    Remember(reached_bytes_, snapshot.reached_bytes, kRemembered);
  }
  if (snapshot.previous_bytes >= kLeastJudged) {
    Remember(kept_share_, ShareKept(snapshot), kRemembered);
  }
}

void SetObserver::Release(uint64_t sequence) {
  uint64_t accepted_bytes = 0;
  while (!pending_.empty() && pending_.front().measures.sequence <= sequence) {
    accepted_bytes = pending_.front().measures.reached_bytes;
    if (pending_.front().flood) {
      days_.clear();
      remembered_days_ = 0;
    }
    Learn(pending_.front().measures);
    pending_.pop_front();
  }
  // Else the next of that size would be as suspicious.
  if (accepted_bytes > 0 && reached_bytes_.size() >= kEnough) {
    reached_bytes_.assign(kEnough, accepted_bytes);
  }
  while (!pending_.empty() && pending_.front().suspicion.empty()) {
    Learn(pending_.front().measures);
    pending_.pop_front();
  }
}

}  // namespace nightsafe
