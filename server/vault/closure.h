// Is everything there that a snapshot's root reaches? Follows clear references
// through nodes, without a key.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "server/vault/object_store.h"
#include "server/vault/reached_objects.h"

namespace nightsafe {

struct Closure {
  std::vector<ObjectId> missing;  // at most kMaxMissingIds
  bool more = false;              // there are more missing ones
  // Nodes that were read; if nothing is missing they and all they reach are
  // present.
  std::vector<IndexEntry> proved;
  ReachedObjects reached;  // what the walk met
};

// Stops at nodes marked closed in `generation`. The session touches all that
// is reached; what is condemned is missing. `root` must be a node. A node whose
// stored bytes are wrong counts as missing. UNAVAILABLE: a node cannot be read
// now.
absl::StatusOr<Closure> WalkClosure(ObjectStore& store, TouchSet& session,
                                    const ObjectId& root, uint64_t generation);

}  // namespace nightsafe
