// NS_KILL_POINT("pack.synced"): a named place where a crash test lets the
// process die as by kill -9.
//
// A point is armed only by the environment: NIGHTSAFE_KILL_POINT=NAME:N kills
// the process when it reaches NAME for the N-th time (N from 1). Anything else
// in that variable ends the process at its start with exit code 2, so that a
// misspelt request cannot look like a passed test. Not armed, a point costs one
// branch.
//
// The points are always compiled in: what is tested is what is shipped, and
// whoever can set a server's environment can kill it anyway.
//
// Names are AREA.PLACE, unique in the source; tests/crash reads the list from
// there, and a point that its tests never reach is a failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace nightsafe {

struct KillPoint {
  std::string name;
  uint64_t hit = 0;

  bool operator==(const KillPoint&) const = default;
};

// NAME:N, if `text` is that.
std::optional<KillPoint> ParseKillPoint(absl::string_view text);

// Set before main() from the environment, never changed after.
extern const bool kKillPointsArmed;

// Thread-safe. Does not return if this is the armed point's last hit.
void HitKillPoint(absl::string_view name);

}  // namespace nightsafe

#define NS_KILL_POINT(name)                                             \
  do {                                                                  \
    if (::nightsafe::kKillPointsArmed) ::nightsafe::HitKillPoint(name); \
  } while (false)
