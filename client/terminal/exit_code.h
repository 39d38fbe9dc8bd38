// Exit codes of nightsafe and nightsafe-admin; the README has the same table.
#pragma once

#include "absl/status/status.h"

namespace nightsafe {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitUnreadableFiles =
      3,                 // done, but some files could not be read or written
  kExitNotFound = 4,     // no such snapshot, path, host, key file
  kExitRefused = 5,      // credential, passphrase or key is not accepted
  kExitUnreachable = 6,  // the server cannot be reached
  kExitDamaged = 7,      // stored bytes are not what they should be
  kExitFull = 8,         // the server refuses new data: disk or quota
  kExitAttention = 9,    // status: something needs attention
};

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace nightsafe
