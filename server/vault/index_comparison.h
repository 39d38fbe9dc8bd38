// Whether the object index and the packs say the same.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "server/pack/format.h"
#include "server/store/object_index.h"

namespace nightsafe {

// What the index says of a pack that cannot speak for itself is added to
// `entries`, which are by offset.
absl::Status AddIndexedEntries(const ObjectIndex& index, const VaultId& vault,
                               const PackId& pack,
                               std::vector<PackEntry>& entries);

// Of one vault. Thread-compatible; memory by packs, not by objects.
class IndexComparison {
 public:
  // Borrows the index.
  IndexComparison(const ObjectIndex& index, const VaultId& vault)
      : index_(index), vault_(vault) {}

  // These were met in the pack; `unknown` gets those that the index has not.
  absl::Status Meet(const PackId& pack, std::span<const PackEntry> entries,
                    const std::function<void(const IndexEntry&)>& unknown);

  // Entries that point into one of `packs` from which something else was met
  // than the index claims: those that are wrong are among them.
  absl::StatusOr<std::vector<IndexEntry>> Suspects(
      const absl::flat_hash_set<PackId>& packs) const;

 private:
  // The locations of a pack, whatever their order: equal sums over equal
  // numbers of locations are taken for equal sets.
  struct LocationSum {
    uint64_t count = 0;
    uint64_t sum = 0;

    void Add(const IndexEntry& entry);
    friend bool operator==(const LocationSum&, const LocationSum&) = default;
  };

  const ObjectIndex& index_;
  const VaultId vault_;
  absl::flat_hash_map<PackId, LocationSum> met_;
};

}  // namespace nightsafe
