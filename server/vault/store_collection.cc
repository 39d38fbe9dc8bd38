// What an object store does for a collection and for those who rely on objects.
#include <algorithm>
#include <map>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "server/vault/object_store.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

constexpr size_t kLookupBatch = 1024;

// Calls `take` for each entry with what the index says of it.
absl::Status LookUp(
    const ObjectIndex& index, const VaultId& vault,
    std::span<const PackEntry> entries,
    const std::function<absl::Status(
        const PackEntry&, const std::optional<ObjectLocation>&)>& take) {
  while (!entries.empty()) {
    const auto some = entries.first(std::min(entries.size(), kLookupBatch));
    entries = entries.subspan(some.size());
    std::map<uint32_t, std::vector<const PackEntry*>> domains;
    for (const PackEntry& entry : some) {
      domains[entry.domain_number].push_back(&entry);
    }
    for (const auto& [domain, members] : domains) {
      std::vector<ObjectId> ids;
      for (const PackEntry* entry : members) ids.push_back(entry->id);
      NS_ASSIGN_OR_RETURN(auto found, index.Find(vault, domain, ids));
      for (size_t i = 0; i < members.size(); ++i) {
        NS_RETURN_IF_ERROR(take(*members[i], found[i]));
      }
    }
  }
  return absl::OkStatus();
}

bool LiesAt(const std::optional<ObjectLocation>& location, const PackId& pack,
            const PackEntry& entry) {
  return location.has_value() && location->pack == pack &&
         location->offset == entry.offset;
}

absl::Status GenerationChanged() {
  return absl::AbortedError("the vault's generation changed: collect again");
}

}  // namespace

bool ObjectStore::IsWaiting(const PackObject& object, TouchSet* session) {
  absl::MutexLock lock(&mutex_);
  if (!waiting_.contains({object.domain_number, object.id})) return false;
  touches_.Stored(session, object.domain_number, object.id, object.kind);
  return true;
}

absl::StatusOr<std::vector<std::optional<ObjectLocation>>>
ObjectStore::FindAndTouch(TouchSet& session, std::span<const ObjectId> ids,
                          uint64_t stops) {
  while (true) {
    const uint64_t changes = touches_.changes();
    NS_ASSIGN_OR_RETURN(auto found, Find(session.domain_number(), ids));
    if (touches_.Touch(session, ids, found, changes, stops)) return found;
  }
}

bool ObjectStore::IsRemoved(const PackId& pack) const {
  return journal_.Read([&](const VaultState& state) {
    const PackState* known = FindPack(state.packs(), pack);
    return known != nullptr && known->removed;
  });
}

absl::StatusOr<std::string> ObjectStore::Read(uint32_t domain_number,
                                              const ObjectId& id,
                                              const ObjectLocation& location) {
  absl::StatusOr<std::string> bytes = readers_.Read(id, location);
  if (bytes.ok() || !IsRemoved(location.pack)) return bytes;
  NS_ASSIGN_OR_RETURN(auto found, Find(domain_number, std::span(&id, 1)));
  if (!found[0].has_value() || found[0]->pack == location.pack) return bytes;
  return readers_.Read(id, *found[0]);
}

absl::StatusOr<bool> ObjectStore::Condemn(std::shared_ptr<MarkTable> marks,
                                          uint64_t generation) {
  // Generations do not change meanwhile.
  absl::MutexLock lock(&sync_mutex_);
  NS_RETURN_IF_ERROR(failure());
  if (journal_.generation() != generation) return GenerationChanged();
  return touches_.Publish(std::move(marks));
}

absl::Status ObjectStore::ClearClosed(std::span<const ObjectKeyPair> nodes) {
  absl::MutexLock lock(&sync_mutex_);
  NS_RETURN_IF_ERROR(failure());
  if (options_.defect == CollectionDefect::kClearInMemory) {
    absl::MutexLock memory_lock(&mutex_);
    cleared_.insert(nodes.begin(), nodes.end());
    return absl::OkStatus();
  }
  IndexBatch batch;
  std::map<uint32_t, std::vector<ObjectId>> domains;
  for (const auto& [domain, id] : nodes) domains[domain].push_back(id);
  for (const auto& [domain, ids] : domains) {
    NS_ASSIGN_OR_RETURN(auto found, index_.Find(vault_, domain, ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!found[i].has_value() || found[i]->closed_generation == 0) continue;
      found[i]->closed_generation = 0;
      batch.objects.push_back({domain, ids[i], *found[i]});
    }
  }
  if (batch.objects.empty()) return absl::OkStatus();
  NS_KILL_POINT("collect.clearing");
  absl::Status status = index_.Write(vault_, batch, /*sync=*/true);
  if (!status.ok() && !absl::IsResourceExhausted(status)) Fail(status);
  return status;
}

absl::StatusOr<SortedPack> ObjectStore::SortOut(
    const PackId& pack, std::span<const PackEntry> entries) const {
  SortedPack sorted;
  NS_RETURN_IF_ERROR(LookUp(
      index_, vault_, entries,
      [&](const PackEntry& entry,
          const std::optional<ObjectLocation>& location) {
        if (!LiesAt(location, pack, entry)) return absl::OkStatus();
        ++sorted.present;
        if (touches_.IsCondemned(entry.domain_number, entry.id)) {
          return absl::OkStatus();
        }
        sorted.live.push_back(entry);
        sorted.quarantined += journal_.Read([&](const VaultState& state) {
          return state.IsQuarantined(entry.domain_number, entry.id, pack,
                                     entry.offset);
        });
        return absl::OkStatus();
      }));
  // Copied in the order in which they lie.
  std::ranges::sort(sorted.live, {}, &PackEntry::offset);
  return sorted;
}

absl::Status ObjectStore::Switch(const PackRewrite& rewrite,
                                 uint64_t generation, bool& begun) {
  absl::MutexLock lock(&sync_mutex_);
  NS_RETURN_IF_ERROR(failure());
  if (journal_.generation() != generation) return GenerationChanged();
  IndexBatch batch;
  batch.journal_records = journal_.records();
  for (const PackRewrite::Source& source : rewrite.sources) {
    NS_RETURN_IF_ERROR(AddSwitch(rewrite, source, batch));
    batch.indexed_lengths.emplace_back(source.pack, 0);
  }
  if (rewrite.target.has_value()) {
    batch.indexed_lengths.emplace_back(rewrite.target->toc.pack,
                                       rewrite.target->toc.pack_length);
  }
  begun = true;
  NS_KILL_POINT("collect.before-switch");
  const absl::Status written = index_.Write(vault_, batch, /*sync=*/true);
  // What was looked up before may not be there any more.
  touches_.NoteMoves();
  if (!written.ok()) {
    if (!absl::IsResourceExhausted(written)) Fail(written);
    return written;
  }
  NS_KILL_POINT("collect.switched");
  NS_RETURN_IF_ERROR(journal_.Update([&](const VaultState&, int64_t) {
    std::vector<VaultRecord> records;
    if (rewrite.target.has_value()) {
      records.push_back(SealedRecord(*rewrite.target));
      records.back().mutable_pack_sealed()->set_copies(true);
    }
    for (const PackRewrite::Source& source : rewrite.sources) {
      records.push_back(
          RemovedRecord(source.pack, source.length, source.live_bytes));
    }
    return records;
  }));
  NS_KILL_POINT("collect.removed");
  for (const PackRewrite::Source& source : rewrite.sources) {
    readers_.Forget(source.pack);
  }
  return absl::OkStatus();
}

absl::Status ObjectStore::AddSwitch(const PackRewrite& rewrite,
                                    const PackRewrite::Source& source,
                                    IndexBatch& batch) {
  return LookUp(
      index_, vault_, source.entries,
      [&](const PackEntry& entry,
          const std::optional<ObjectLocation>& location) -> absl::Status {
        if (!LiesAt(location, source.pack, entry)) return absl::OkStatus();
        const ObjectKeyPair key(entry.domain_number, entry.id);
        if (const auto copy = rewrite.copies.find(key);
            copy != rewrite.copies.end()) {
          IndexEntry moved{key.first, key.second, copy->second};
          moved.location.closed_generation = location->closed_generation;
          batch.objects.push_back(std::move(moved));
          return absl::OkStatus();
        }
        // Put again since: the new copy waits for its barrier.
        absl::MutexLock lock(&mutex_);
        if (waiting_.contains(key) ||
            touches_.IsCondemned(key.first, key.second)) {
          batch.erased.push_back(key);
          return absl::OkStatus();
        }
        return absl::AbortedError(absl::StrCat("object ", entry.id.Hex(),
                                               " came back: collect again"));
      });
}

absl::Status ObjectStore::Relocate(std::vector<IndexEntry>& proved) const {
  absl::flat_hash_map<PackId, bool> removed;
  for (IndexEntry& entry : proved) {
    const auto [it, added] = removed.try_emplace(entry.location.pack);
    if (added) it->second = IsRemoved(entry.location.pack);
    if (!it->second) continue;
    NS_ASSIGN_OR_RETURN(auto found, index_.Find(vault_, entry.domain_number,
                                                std::span(&entry.id, 1)));
    if (!found[0].has_value() || IsRemoved(found[0]->pack)) {
      return absl::AbortedError("an object was moved");
    }
    const uint64_t closed = entry.location.closed_generation;
    entry.location = *found[0];
    entry.location.closed_generation = closed;
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
