// Tells a person which snapshots a loss may have hit.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "server/pack/format.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

// "snapshots that may be hit: host/set of 2026-01-02T03:04:05Z, ...": committed
// since `first_sequence`, of these domains (of all, if none is given).
std::string NameSnapshots(const VaultState& state, uint64_t first_sequence,
                          const std::set<uint32_t>& domains);

// Manifests that lie in packs and that no commit record names.
std::vector<ObjectId> UncommittedManifests(
    const VaultState& state, const std::vector<PackEntry>& entries);

}  // namespace nightsafe
