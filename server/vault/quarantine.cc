// What an object store does about copies that a reader found wrong.
#include <algorithm>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "server/vault/object_store.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

// Records of one append that closes or opens findings.
constexpr size_t kMaxJournalled = 10'000;

}  // namespace

absl::Status ObjectStore::Quarantine(std::span<const IndexEntry> copies,
                                     absl::string_view reason) {
  absl::MutexLock sync_lock(&sync_mutex_);
  {
    // A copy that still waits would keep its object from being put again.
    absl::MutexLock lock(&mutex_);
    for (const IndexEntry& copy : copies) {
      const auto it = waiting_.find({copy.domain_number, copy.id});
      if (it == waiting_.end() || it->second.pack != copy.location.pack ||
          it->second.offset != copy.location.offset) {
        continue;
      }
      waiting_.erase(it);
    }
  }
  NS_KILL_POINT("quarantine.before-record");
  while (!copies.empty()) {
    const auto some = copies.first(std::min(copies.size(), kMaxJournalled));
    copies = copies.subspan(some.size());
    NS_RETURN_IF_ERROR(journal_.Update([&](const VaultState& state, int64_t) {
      std::vector<VaultRecord> records;
      for (const IndexEntry& copy : some) {
        if (state.IsQuarantined(copy.domain_number, copy.id, copy.location.pack,
                                copy.location.offset)) {
          continue;
        }
        const PackState* pack = FindPack(state.packs(), copy.location.pack);
        if (pack != nullptr && pack->removed) continue;
        records.push_back(QuarantineRecord(copy, reason));
      }
      if (records.empty()) return records;
      records.push_back(NextGeneration(state, "an object was quarantined"));
      return records;
    }));
  }
  return absl::OkStatus();
}

absl::Status ObjectStore::Reinstate(std::span<const IndexEntry> copies) {
  absl::MutexLock lock(&sync_mutex_);
  IndexBatch batch;
  for (const IndexEntry& copy : copies) {
    if (IsRemoved(copy.location.pack)) continue;
    // What waits in memory is no durable copy.
    NS_ASSIGN_OR_RETURN(auto found, index_.Find(vault_, copy.domain_number,
                                                std::span(&copy.id, 1)));
    const bool stands =
        found[0].has_value() && journal_.Read([&](const VaultState& state) {
          return !state.IsQuarantined(copy.domain_number, copy.id,
                                      found[0]->pack, found[0]->offset);
        });
    if (!stands) batch.objects.push_back(copy);
  }
  NS_RETURN_IF_ERROR(index_.Write(vault_, batch, /*sync=*/true));
  return journal_.Update([&](const VaultState& state, int64_t) {
    std::vector<VaultRecord> records;
    for (const IndexEntry& copy : copies) {
      const PackState* pack = FindPack(state.packs(), copy.location.pack);
      if (pack != nullptr && pack->removed) continue;
      records.push_back(StandsRecord(copy));
    }
    return records;
  });
}

absl::Status ObjectStore::CloseHealed() {
  const std::vector<ObjectKeyPair> open =
      journal_.Read([](const VaultState& state) {
        std::vector<ObjectKeyPair> objects;
        if (state.open_findings() == 0) return objects;
        for (const auto& [object, copies] : state.quarantine()) {
          if (HasOpenCopy(copies)) objects.push_back(object);
        }
        return objects;
      });
  absl::MutexLock lock(&sync_mutex_);
  std::vector<ObjectKeyPair> healed;
  for (const ObjectKeyPair& object : open) {
    {
      absl::MutexLock memory_lock(&mutex_);
      if (waiting_.contains(object)) continue;  // not durable yet
    }
    NS_ASSIGN_OR_RETURN(auto found,
                        Find(object.first, std::span(&object.second, 1)));
    if (found[0].has_value()) healed.push_back(object);
  }
  return JournalHealed(healed);
}

absl::Status ObjectStore::JournalHealed(std::span<const ObjectKeyPair> ids) {
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), kMaxJournalled));
    ids = ids.subspan(some.size());
    NS_RETURN_IF_ERROR(journal_.Update([&](const VaultState& state, int64_t) {
      std::vector<VaultRecord> records;
      for (const ObjectKeyPair& object : some) {
        const auto it = state.quarantine().find(object);
        if (it == state.quarantine().end() || !HasOpenCopy(it->second)) {
          continue;
        }
        records.push_back(
            HealedRecord(object.first, object.second, it->second.back()));
      }
      return records;
    }));
  }
  return absl::OkStatus();
}

// What was found wrong and came again. Without room for the record the next
// scrub closes the finding.
absl::Status ObjectStore::NoteHealed(std::span<const IndexEntry> stored) {
  const std::vector<ObjectKeyPair> healed =
      journal_.Read([&](const VaultState& state) {
        std::vector<ObjectKeyPair> objects;
        if (state.open_findings() == 0) return objects;
        for (const IndexEntry& entry : stored) {
          const ObjectKeyPair object(entry.domain_number, entry.id);
          const auto it = state.quarantine().find(object);
          if (it == state.quarantine().end() || !HasOpenCopy(it->second)) {
            continue;
          }
          objects.push_back(object);
        }
        return objects;
      });
  const absl::Status status = JournalHealed(healed);
  return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
}

std::vector<Toc> ObjectStore::UnsealedContents() const {
  absl::MutexLock sync_lock(&sync_mutex_);
  std::vector<Toc> contents;
  const auto add = [&](const std::unique_ptr<PackWriter>& writer) {
    if (writer == nullptr) return;
    Toc toc = writer->SyncedToc();
    {
      absl::MutexLock lock(&mutex_);
      const auto it = unsealed_.find(toc.pack);
      toc.pack_length = it == unsealed_.end() ? 0 : it->second;
    }
    std::erase_if(toc.entries, [&](const PackEntry& entry) {
      return entry.end() > toc.pack_length;
    });
    if (!toc.entries.empty()) contents.push_back(std::move(toc));
  };
  for (const EndedPack& ended : ended_) add(ended.writer);
  absl::MutexLock append_lock(&append_mutex_);
  add(open_data_);
  add(open_node_);
  for (const auto& writer : rolled_) add(writer);
  return contents;
}

}  // namespace nightsafe
