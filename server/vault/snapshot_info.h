// A committed snapshot as the catalogue has it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/snapshot/life.h"

namespace nightsafe {

struct SnapshotInfo {
  SnapshotId id;
  uint64_t sequence = 0;  // of the vault, from 1
  absl::Time received;
  std::string host;
  std::string set;
  uint32_t domain_number = 0;
  uint32_t writer = 0;
  uint64_t new_bytes = 0;
  uint64_t new_objects = 0;
  // As the commit record has them; 0: not known.
  uint64_t previous_bytes = 0;
  uint64_t kept_bytes = 0;
  uint64_t reached_bytes = 0;
  std::string manifest;  // the manifest object, whole
  // The chain does not continue where this host and set stood: a cloned or
  // rolled-back machine.
  bool forked = false;
  bool restarted = false;
  SnapshotLife life = SnapshotLife::kLive;
  absl::Time expired_at;  // unless it is live
  // When it was last brought back from the trash.
  absl::Time undeleted_at = absl::InfinitePast();
};

// What a list of hosts tells of one set.
struct SetSummary {
  std::string host;
  std::string set;
  uint64_t snapshots = 0;  // live ones
  uint64_t expired = 0;
  absl::Time last_received;  // of all, also of purged ones
  bool forked = false;       // any of the live ones
  bool restarted = false;
};

}  // namespace nightsafe
