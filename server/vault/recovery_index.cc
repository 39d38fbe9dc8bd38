#include "server/vault/recovery_index.h"

#include "absl/container/flat_hash_map.h"
#include "common/base/status.h"
#include "server/vault/vault_indexing.h"

namespace nightsafe {

absl::Status RecoveryIndex::Load() {
  NS_ASSIGN_OR_RETURN(state_, index_.State(vault_));
  return absl::OkStatus();
}

absl::Status RecoveryIndex::Erase() {
  NS_RETURN_IF_ERROR(index_.Erase(vault_));
  state_ = {};
  erased_ = true;
  return absl::OkStatus();
}

uint64_t RecoveryIndex::Length(const PackId& pack) const {
  const auto it = state_.indexed_lengths.find(pack);
  return it == state_.indexed_lengths.end() ? 0 : it->second;
}

absl::StatusOr<IndexBatch> RecoveryIndex::EntriesNotIn(
    const PackId& pack, const std::vector<PackEntry>& valid) const {
  absl::flat_hash_map<uint64_t, ObjectKeyPair> objects;
  for (const PackEntry& entry : valid) {
    objects[entry.offset] = {entry.domain_number, entry.id};
  }
  IndexBatch batch;
  NS_RETURN_IF_ERROR(index_.ForEach(vault_, [&](const IndexEntry& entry) {
    if (entry.location.pack != pack) return absl::OkStatus();
    const auto it = objects.find(entry.location.offset);
    if (it == objects.end() ||
        it->second != ObjectKeyPair(entry.domain_number, entry.id)) {
      batch.erased.emplace_back(entry.domain_number, entry.id);
    }
    return absl::OkStatus();
  }));
  return batch;
}

absl::StatusOr<IndexLoss> RecoveryIndex::Drop(
    const PackId& pack, const std::vector<PackEntry>& valid) {
  NS_ASSIGN_OR_RETURN(IndexBatch batch, EntriesNotIn(pack, valid));
  NS_RETURN_IF_ERROR(index_.Write(vault_, batch, /*sync=*/true));
  IndexLoss loss{.objects = batch.erased.size()};
  for (const auto& [domain, id] : batch.erased) loss.domains.insert(domain);
  return loss;
}

absl::Status RecoveryIndex::WriteEntries(const PackId& pack,
                                         const PackContents& contents,
                                         uint64_t indexed) {
  IndexBatch batch;
  journal_.Read([&](const VaultState& state) {
    for (const PackEntry& entry : contents.entries) {
      if (entry.end() <= indexed) continue;
      if (!state.IsQuarantined(entry.domain_number, entry.id, pack,
                               entry.offset)) {
        batch.objects.push_back(ToIndexEntry(pack, entry));
      }
    }
  });
  return index_.Write(vault_, batch, /*sync=*/true);
}

absl::Status RecoveryIndex::MarkLength(const PackId& pack, uint64_t length) {
  IndexBatch batch;
  batch.indexed_lengths = {{pack, length}};
  if (!erased_) batch.journal_records = journal_.records();
  state_.indexed_lengths[pack] = length;
  return index_.Write(vault_, batch, /*sync=*/true);
}

absl::Status RecoveryIndex::Add(const PackId& pack,
                                const PackContents& contents) {
  NS_RETURN_IF_ERROR(WriteEntries(pack, contents, Length(pack)));
  return MarkLength(pack, contents.length);
}

absl::Status RecoveryIndex::AddAnew(const PackId& pack,
                                    const PackContents& contents) {
  NS_RETURN_IF_ERROR(WriteEntries(pack, contents, 0));
  return MarkLength(pack, contents.length);
}

}  // namespace nightsafe
