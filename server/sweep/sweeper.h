// Takes packs away that the server's journals call removed or dead: the only
// code of the project that does. DESIGN.md has the argument.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/io/file_system.h"
#include "nightsafe/v1/format/sweep.pb.h"
#include "server/sweep/config.h"
#include "server/sweep/vault_view.h"

namespace nightsafe {

struct SweepReport {
  uint64_t moved = 0;    // to removed/
  uint64_t waiting = 0;  // in removed/, for the delay to pass
  uint64_t unlinked = 0;
  uint64_t freed_bytes = 0;
  // What was done, or would be, a line each.
  std::vector<std::string> done;
  // What was not, and why: "vault main: ...".
  std::vector<std::string> refused;
};

// One run over all vaults below config.data, where no symbolic link is followed
// and nothing is taken to be whose it is by its place alone; `fs` is for the
// sweeper's own files. Without `act` it writes nothing at all. Changes are
// durable, and each can be interrupted and repeated. A vault or pack that is
// refused does not stop the others. FAILED_PRECONDITION: another run is under
// way.
absl::StatusOr<SweepReport> Sweep(FileSystem& fs, const SweepConfig& config,
                                  const Clock& clock, bool act);

}  // namespace nightsafe
