// Follows clear references from the roots of snapshots through the nodes of
// standing packs, without a key.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "common/base/ids.h"
#include "server/sweep/standing_packs.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

// Memory: about 100 bytes for each node and 8 for each data object.
class NodeWalk {
 public:
  enum class Found {
    kNot,   // no standing pack has a copy that is right
    kData,  // its bytes were not read
    kNode,
  };
  using Take = std::function<void(const ObjectId& id, Found found)>;

  explicit NodeWalk(StandingPacks& packs) : packs_(packs) {}

  // What the standing packs have. Before any Walk.
  absl::Status Load();
  // Calls `take` for what `root` reaches; not again for nodes, and what lies
  // below them, that a walk of that domain reached before. UNAVAILABLE: a node
  // cannot be read now.
  absl::Status Walk(uint32_t domain_number, const ObjectId& root,
                    const Take& take);

 private:
  // Appends the references of the node.
  absl::StatusOr<Found> Visit(uint32_t domain_number, const ObjectId& id,
                              std::vector<ObjectId>& refs);

  StandingPacks& packs_;
  absl::flat_hash_map<ObjectKeyPair, std::vector<StandingCopy>> nodes_;
  std::vector<uint64_t> data_;  // hashes of domain and id, sorted
  absl::flat_hash_set<ObjectKeyPair> reached_;  // nodes, and what is missing
};

}  // namespace nightsafe
