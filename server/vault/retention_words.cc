#include "server/vault/retention_words.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nightsafe {

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

std::string DaysText(absl::Duration span) {
  return absl::StrFormat("%.1f days", absl::ToDoubleHours(span) / 24);
}

std::string ScopeText(const SetScope& scope) {
  if (scope.first.empty()) return "the vault";
  return absl::StrCat(scope.first, scope.second.empty() ? "" : "/",
                      scope.second);
}

std::string SnapshotText(const SnapshotInfo& info) {
  return absl::StrCat("snapshot ", info.id.Hex().substr(0, 12), " of ",
                      info.host, "/", info.set);
}

}  // namespace nightsafe
