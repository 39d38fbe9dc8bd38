// Settings of nightsafe-sweep, its own: nothing that the server says is taken.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace nightsafe {

struct SweepConfig {
  std::string data;   // the server's data directory
  std::string state;  // a directory of the sweeper's own
  // Pins the first admin key (common/order/FORMAT.md).
  ServerId server;
  // From when a pack is in removed/ until it is unlinked.
  absl::Duration delay = absl::Hours(72);
  // Of one vault's journal, that a person looked at. One more stops the sweep
  // of that vault.
  uint64_t accepted_forged_records = 0;
};

// INVALID_ARGUMENT names the key and what is allowed; unknown keys are errors.
absl::StatusOr<SweepConfig> ParseSweepConfig(absl::string_view yaml);

}  // namespace nightsafe
