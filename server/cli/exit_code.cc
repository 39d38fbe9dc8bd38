#include "server/cli/command.h"

namespace nightsafe {

NightsafedExit ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kDataLoss:
      return kExitDamaged;
    case absl::StatusCode::kResourceExhausted:
      return kExitFull;
    default:
      return kExitFailure;
  }
}

}  // namespace nightsafe
