// A vault's part of the object index while the vault is recovered.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/pack/format.h"
#include "server/store/object_index.h"
#include "server/vault/pack_listing.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

// What the index had to forget.
struct IndexLoss {
  std::set<uint32_t> domains;
  uint64_t objects = 0;
};

// Thread-compatible. Every write is durable when it returns.
class RecoveryIndex {
 public:
  // Borrows.
  RecoveryIndex(ObjectIndex& index, const VaultId& vault,
                const VaultJournal& journal)
      : index_(index), vault_(vault), journal_(journal) {}

  absl::Status Load();
  const IndexState& state() const { return state_; }
  // Forgets all: from now on it is made anew, and says so until that is done.
  absl::Status Erase();
  // How much of the pack it knew at the start, or was told since.
  uint64_t Length(const PackId& pack) const;

  // A batch that erases the entries of a pack that are not among `valid`.
  // Another object may be at the same offset: of a pack under a wrong name.
  absl::StatusOr<IndexBatch> EntriesNotIn(
      const PackId& pack, const std::vector<PackEntry>& valid) const;
  // Erases them.
  absl::StatusOr<IndexLoss> Drop(const PackId& pack,
                                 const std::vector<PackEntry>& valid);
  // Those that end behind `indexed` and are not quarantined.
  absl::Status WriteEntries(const PackId& pack, const PackContents& contents,
                            uint64_t indexed);
  absl::Status MarkLength(const PackId& pack, uint64_t length);
  // What is in the index already keeps its closed marks.
  absl::Status Add(const PackId& pack, const PackContents& contents);
  // As Add, but what is there already is written again.
  absl::Status AddAnew(const PackId& pack, const PackContents& contents);

 private:
  ObjectIndex& index_;
  const VaultId vault_;
  const VaultJournal& journal_;
  IndexState state_;
  bool erased_ = false;
};

}  // namespace nightsafe
