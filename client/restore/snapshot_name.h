// How a person names a snapshot: HOST[/SET][@latest|@DATE|@ID][:/PATH].
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nightsafe {

inline constexpr size_t kMinIdPrefixDigits = 6;

struct SnapshotName {
  enum class Choice { kLatest, kBefore, kId };

  std::string host;
  std::string set;  // empty: the host's only one
  Choice choice = Choice::kLatest;
  absl::Time before;      // kBefore: the last one received before this
  std::string id_prefix;  // kId: lower-case hex, at least six digits
  std::string path;       // absolute, normalised; empty: the whole snapshot
};

// DATE is 2026-11-23, 2026-11-23T14:00 or 2026-11-23T14:00:05, in `zone` or,
// with a Z behind it, in UTC. It stands for the last snapshot received until
// the end of that day, minute or second. INVALID_ARGUMENT says which part is
// wrong and what is expected.
absl::StatusOr<SnapshotName> ParseSnapshotName(absl::string_view text,
                                               absl::TimeZone zone);

// HOST[/SET] alone, either may be absent: what `snapshots` filters by.
struct SetFilter {
  std::string host;
  std::string set;
};
absl::StatusOr<SetFilter> ParseSetFilter(absl::string_view text);

}  // namespace nightsafe
