// What a collection does with packs that hold little of use.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/pack/seal.h"
#include "server/store/object_index.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

// What the index says of a pack's objects.
struct SortedPack {
  std::vector<PackEntry> live;  // there, and not condemned
  uint64_t present = 0;         // there: live or condemned
  uint64_t quarantined = 0;     // of the live ones
};

struct PackRewrite {
  struct Source {
    PackId pack;
    uint64_t length = 0;
    uint64_t live_bytes = 0;
    std::vector<PackEntry> entries;  // all of it
  };
  std::vector<Source> sources;
  // Nothing lives in the sources: there is none.
  std::optional<SealedPack> target;
  absl::flat_hash_map<ObjectKeyPair, ObjectLocation> copies;
};

}  // namespace nightsafe
