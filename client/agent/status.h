// What this machine knows of its own backups, without asking the server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"

namespace nightsafe {

struct SetStatus {
  std::string set;
  bool damaged = false;  // the local record cannot be read; nothing below holds
  SnapshotId snapshot;
  uint64_t chain_counter = 0;  // snapshots in this chain; 0: none yet
  absl::Time received;         // by the server's clock
  uint64_t entries = 0;
  uint64_t file_bytes = 0;
  uint64_t unreadable = 0;
  // A commit was sent and its answer never came; the next run asks again.
  bool commit_pending = false;
};

// By set name; empty if nothing was ever backed up.
absl::StatusOr<std::vector<SetStatus>> ReadBackupStatus(
    FileSystem& fs, absl::string_view state_directory);

}  // namespace nightsafe
