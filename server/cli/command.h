// The commands of nightsafed: each reads its flags and runs to the end.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "absl/status/status.h"

namespace nightsafe {

enum NightsafedExit : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitNotFound = 4,  // no data directory there
  kExitDamaged = 7,   // stored bytes are not what they should be
  kExitFull = 8,      // no space
};
NightsafedExit ExitCodeOf(const absl::Status& status);

// Adds a command to `app`; if it is the one that was given, `run` is set to
// what it does.
using Run = std::function<absl::Status()>;
void AddInit(CLI::App& app, Run& run);
void AddServe(CLI::App& app, Run& run);
void AddRebuild(CLI::App& app, Run& run);
void AddRescue(CLI::App& app, Run& run);

}  // namespace nightsafe
