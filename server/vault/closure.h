// Is everything there that a snapshot's root reaches? Follows clear references
// through nodes, without a key.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "server/vault/object_store.h"

namespace nightsafe {

struct Closure {
  std::vector<ObjectId> missing;  // at most kMaxMissingIds
  bool more = false;              // there are more missing ones
  // Nodes that were read; if nothing is missing they and all they reach are
  // present.
  std::vector<IndexEntry> proved;
};

// Stops at nodes marked closed in `generation`. `root` must be a node. A node
// whose stored bytes are wrong counts as missing. UNAVAILABLE: a node cannot be
// read now.
absl::StatusOr<Closure> WalkClosure(ObjectStore& store, uint32_t domain_number,
                                    const ObjectId& root, uint64_t generation);

}  // namespace nightsafe
