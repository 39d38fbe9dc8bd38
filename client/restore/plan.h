// What a restore is going to do.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/restore/object_source.h"
#include "client/restore/totals.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {

struct RestorePlan {
  Totals totals;
  // Entries that cannot be counted one by one, because their nodes are damaged.
  uint64_t lost_entries = 0;
};

// Of a whole snapshot (empty `path`) from its signed statistics, without
// fetching anything; of a path by walking it. NOT_FOUND: it is not in there.
absl::StatusOr<RestorePlan> PlanRestore(const ObjectSource& objects,
                                        const OpenedManifest& snapshot,
                                        const std::string& path);

}  // namespace nightsafe
