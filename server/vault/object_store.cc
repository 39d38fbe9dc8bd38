#include "server/vault/object_store.h"

#include <algorithm>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

// Told to the host whose object came too late.
absl::Status PackFailed(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the server's disk is full (", status.message(),
        "); earlier snapshots are intact; free space or add a disk, then start "
        "the backup again"));
  }
  if (!absl::IsAborted(status) && !absl::IsUnavailable(status)) return status;
  return absl::UnavailableError(absl::StrCat(
      "a pack could not be written (", status.message(),
      "); what was synced stands, put the rest again in a new stream"));
}

absl::Status GenerationChanged() {
  return absl::AbortedError("the vault's generation changed");
}

}  // namespace

ObjectStore::ObjectStore(FileSystem& fs, const VaultPaths& paths,
                         const VaultId& vault, ObjectIndex& index,
                         VaultJournal& journal, const StoreOptions& options)
    : fs_(fs),
      paths_(paths),
      vault_(vault),
      index_(index),
      journal_(journal),
      options_(options),
      readers_(fs, paths),
      touches_(options.max_touches),
      space_(fs, paths.open, options.reserve_bytes, options.reserve_share) {}

ObjectStore::~ObjectStore() = default;

absl::StatusOr<bool> ObjectStore::Put(const PackObject& object,
                                      TouchSet* session) {
  NS_RETURN_IF_ERROR(failure());
  const std::span<const ObjectId> one(&object.id, 1);
  NS_ASSIGN_OR_RETURN(auto found, session == nullptr
                                      ? Find(object.domain_number, one)
                                      : FindAndTouch(*session, one));
  if (found[0].has_value()) return false;
  absl::StatusOr<bool> added = Append(object, session);
  if (TakeBarrierDue()) {
    absl::MutexLock lock(&sync_mutex_);
    const absl::Status status = BarrierLocked({}, journal_.generation());
    if (added.ok() && !status.ok()) return PackFailed(status);
  }
  return added;
}

absl::StatusOr<bool> ObjectStore::Append(const PackObject& object,
                                         TouchSet* session) {
  absl::MutexLock append_lock(&append_mutex_);
  if (IsWaiting(object, session)) return false;
  const uint64_t size = kPackRecordHeaderBytes + object.bytes.size();
  // A manifest is written into the journal, too.
  NS_RETURN_IF_ERROR(object.kind == ObjectKind::kManifest
                         ? space_.SpendOnCommit(2 * size)
                         : space_.Spend(size));
  absl::StatusOr<std::unique_ptr<PackWriter>*> open = WriterFor(object);
  if (!open.ok()) return PackFailed(open.status());
  PackWriter* const writer = (*open)->get();
  absl::StatusOr<PackEntry> entry = writer->Append(object);
  if (!entry.ok()) {
    if (!writer->dead()) return entry.status();
    space_.Forget();
    Roll(**open);
    return PackFailed(entry.status());
  }
  absl::MutexLock lock(&mutex_);
  waiting_[{object.domain_number, object.id}] = {
      .pack = writer->identity().pack,
      .offset = entry->offset,
      .length = entry->length,
      .kind = object.kind};
  // In the same step: whoever finds it in the index finds it touched.
  touches_.Stored(session, object.domain_number, object.id, object.kind);
  ++puts_;
  ++unsealed_objects_;
  unsealed_bytes_ += entry->length;
  if (waiting_.size() >= options_.max_waiting) barrier_due_ = true;
  return true;
}

void ObjectStore::Roll(std::unique_ptr<PackWriter>& open) {
  rolled_.push_back(std::move(open));
  absl::MutexLock lock(&mutex_);
  barrier_due_ = true;
}

absl::StatusOr<std::unique_ptr<PackWriter>*> ObjectStore::WriterFor(
    const PackObject& object) {
  const bool is_data = object.kind == ObjectKind::kData;
  std::unique_ptr<PackWriter>& open = is_data ? open_data_ : open_node_;
  const uint64_t limit =
      std::min(is_data ? options_.data_pack_bytes : options_.node_pack_bytes,
               kMaxPackBytes);
  if (open != nullptr && !open->entries().empty() &&
      (open->length() + kPackRecordHeaderBytes + object.bytes.size() > limit ||
       open->entries().size() >= kMaxPackRecords)) {
    Roll(open);
  }
  if (open == nullptr) {
    const PackIdentity identity{
        .vault = vault_,
        .pack = RandomId<PackId>(),
        .pack_class = is_data ? PackClass::kData : PackClass::kNode,
        .marker = RandomId<PackMarker>()};
    NS_ASSIGN_OR_RETURN(open, PackWriter::Create(fs_, paths_.open, identity));
  }
  return &open;
}

bool ObjectStore::TakeBarrierDue() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(barrier_due_, false);
}

absl::StatusOr<std::vector<std::optional<ObjectLocation>>> ObjectStore::Find(
    uint32_t domain_number, std::span<const ObjectId> ids) const {
  std::vector<std::optional<ObjectLocation>> found(ids.size());
  std::vector<ObjectId> rest;
  std::vector<size_t> places;
  {
    // Before the index: a barrier moves locations from here to there.
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto it = waiting_.find({domain_number, ids[i]});
      if (it != waiting_.end()) {
        found[i] = it->second;
      } else {
        rest.push_back(ids[i]);
        places.push_back(i);
      }
    }
  }
  if (!rest.empty()) {
    NS_ASSIGN_OR_RETURN(auto indexed, index_.Find(vault_, domain_number, rest));
    for (size_t i = 0; i < places.size(); ++i) found[places[i]] = indexed[i];
  }
  if (options_.defect == CollectionDefect::kClearInMemory) {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < ids.size(); ++i) {
      if (found[i] && cleared_.contains({domain_number, ids[i]})) {
        found[i]->closed_generation = 0;
      }
    }
  }
  journal_.Read([&](const VaultState& state) {
    for (size_t i = 0; state.has_quarantine() && i < ids.size(); ++i) {
      if (found[i] && state.IsQuarantined(domain_number, ids[i], found[i]->pack,
                                          found[i]->offset)) {
        found[i].reset();
      }
    }
  });
  return found;
}

absl::Status ObjectStore::Barrier(std::span<const IndexEntry> proved,
                                  uint64_t generation) {
  const uint64_t puts = [this] {
    absl::MutexLock lock(&mutex_);
    return puts_;
  }();
  absl::MutexLock lock(&sync_mutex_);
  if (durable_puts_ < puts) return BarrierLocked(proved, generation);
  // Group commit: a barrier that began after the puts covered them.
  NS_RETURN_IF_ERROR(failure());
  if (journal_.generation() != generation) return GenerationChanged();
  return proved.empty() ? absl::OkStatus() : WriteIndex(proved);
}

absl::Status ObjectStore::BarrierLocked(std::span<const IndexEntry> proved,
                                        uint64_t generation) {
  NS_RETURN_IF_ERROR(failure());
  const uint64_t puts = [this] {
    absl::MutexLock lock(&mutex_);
    return puts_;
  }();
  NS_KILL_POINT("commit.before-sync");
  SyncPacks();
  NS_KILL_POINT("commit.after-sync");
  NS_RETURN_IF_ERROR(BuryDeadPacks());
  if (journal_.generation() != generation) return GenerationChanged();
  NS_RETURN_IF_ERROR(WriteIndex(proved));
  NS_KILL_POINT("commit.indexed");
  durable_puts_ = puts;
  // A pack that cannot be finished now is as durable as before and is tried
  // again at the next barrier.
  SealEndedPacks().IgnoreError();
  return absl::OkStatus();
}

void ObjectStore::SyncPacks() {
  std::vector<std::pair<PackWriter*, uint64_t>> dirty;
  {
    absl::MutexLock lock(&append_mutex_);
    for (const auto* open : {&open_data_, &open_node_}) {
      if (*open == nullptr || !(*open)->dirty()) continue;
      dirty.emplace_back(open->get(), (*open)->length());
    }
  }
  for (const auto& [writer, length] : dirty) {
    // Appends go on meanwhile; only a barrier destroys writers.
    const absl::Status status = writer->SyncFile();
    absl::MutexLock lock(&append_mutex_);
    writer->Synced(status, length).IgnoreError();  // seen from dead()
  }
  {
    absl::MutexLock lock(&append_mutex_);
    for (std::unique_ptr<PackWriter>* open : {&open_data_, &open_node_}) {
      if (*open != nullptr && (*open)->dead())
        rolled_.push_back(std::move(*open));
    }
    for (auto& writer : std::exchange(rolled_, {})) {
      ended_.push_back({.writer = std::move(writer)});
    }
  }
  for (EndedPack& ended : ended_) {
    if (ended.writer->dirty()) ended.writer->Sync().IgnoreError();
  }
}

absl::Status ObjectStore::BuryDeadPacks() {
  bool any = false;
  for (EndedPack& ended : ended_) {
    if (!ended.writer->dead() || ended.buried) continue;
    NS_RETURN_IF_ERROR(Bury(*ended.writer));
    ended.buried = true;
    any = true;
  }
  std::erase_if(ended_, [this](const EndedPack& ended) {
    const bool empty = ended.buried && ended.writer->synced_length() == 0;
    if (empty) Forget(*ended.writer);
    return empty;
  });
  return any ? GenerationChanged() : absl::OkStatus();
}

absl::Status ObjectStore::Bury(const PackWriter& writer) {
  const PackId pack = writer.identity().pack;
  {
    absl::MutexLock lock(&mutex_);
    absl::erase_if(waiting_, [&](const auto& item) {
      const ObjectLocation& location = item.second;
      return location.pack == pack &&
             location.offset + location.length > writer.synced_length();
    });
  }
  return journal_.Update([&](const VaultState& state, int64_t) {
    return std::vector<VaultRecord>{
        DeadRecord(pack, writer.synced_length(), writer.failure().message()),
        NextGeneration(state, "a pack could not be written")};
  });
}

absl::flat_hash_map<PackId, uint64_t> ObjectStore::SyncedLengths() const {
  absl::flat_hash_map<PackId, uint64_t> lengths;
  for (const EndedPack& ended : ended_) {
    lengths[ended.writer->identity().pack] = ended.writer->synced_length();
  }
  absl::MutexLock lock(&append_mutex_);
  const auto add = [&](const std::unique_ptr<PackWriter>& writer) {
    if (writer == nullptr || writer->synced_length() == 0) return;
    lengths[writer->identity().pack] = writer->synced_length();
  };
  add(open_data_);
  add(open_node_);
  // Open when they were synced, full since.
  for (const auto& writer : rolled_) add(writer);
  return lengths;
}

absl::Status ObjectStore::WriteIndex(std::span<const IndexEntry> proved) {
  const absl::flat_hash_map<PackId, uint64_t> synced = SyncedLengths();
  IndexBatch batch;
  batch.journal_records = journal_.records();
  batch.indexed_lengths.assign(synced.begin(), synced.end());
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [key, location] : waiting_) {
      const auto it = synced.find(location.pack);
      if (it == synced.end() ||
          location.offset + location.length > it->second) {
        continue;
      }
      batch.objects.push_back({key.first, key.second, location});
    }
  }
  // The same for the same history, and cheaper to insert.
  std::ranges::sort(batch.objects, {}, [](const IndexEntry& entry) {
    return std::pair(entry.domain_number, entry.id);
  });
  std::ranges::sort(batch.indexed_lengths);
  const size_t moved = batch.objects.size();
  std::vector<IndexEntry> marks(proved.begin(), proved.end());
  NS_RETURN_IF_ERROR(Relocate(marks));
  batch.objects.insert(batch.objects.end(), marks.begin(), marks.end());
  if (absl::Status status = index_.Write(vault_, batch, /*sync=*/true);
      !status.ok()) {
    // For want of room all waits in memory for the next barrier.
    if (!absl::IsResourceExhausted(status)) Fail(status);
    return status;
  }
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < moved; ++i) {
      const IndexEntry& entry = batch.objects[i];
      waiting_.erase({entry.domain_number, entry.id});
    }
    for (const auto& [pack, length] : synced) unsealed_[pack] = length;
  }
  return NoteHealed(std::span(batch.objects).first(moved));
}

absl::Status ObjectStore::SealEndedPacks() {
  absl::Status first;
  std::vector<EndedPack> left;
  for (EndedPack& ended : ended_) {
    const absl::Status status = Seal(*ended.writer);
    if (first.ok()) first = status;
    if (!status.ok()) left.push_back(std::move(ended));
  }
  ended_ = std::move(left);
  return first;
}

absl::Status ObjectStore::Seal(const PackWriter& writer) {
  NS_ASSIGN_OR_RETURN(
      SealedPack sealed,
      SealPack(fs_, paths_.open, paths_.sealed, writer.SyncedToc()));
  NS_RETURN_IF_ERROR(journal_.Update([&](const VaultState&, int64_t) {
    return std::vector<VaultRecord>{SealedRecord(sealed)};
  }));
  NS_KILL_POINT("seal.recorded");
  Forget(writer);
  return absl::OkStatus();
}

void ObjectStore::Forget(const PackWriter& writer) {
  absl::MutexLock lock(&mutex_);
  unsealed_.erase(writer.identity().pack);
  unsealed_objects_ -= writer.entries().size();
  for (const auto& entry : writer.entries()) unsealed_bytes_ -= entry.length;
}

std::vector<std::pair<PackId, uint64_t>> ObjectStore::UnsealedPacks() const {
  absl::MutexLock lock(&mutex_);
  return {unsealed_.begin(), unsealed_.end()};
}

absl::Status ObjectStore::SealAll() {
  absl::MutexLock sync_lock(&sync_mutex_);
  {
    absl::MutexLock lock(&append_mutex_);
    for (std::unique_ptr<PackWriter>* open : {&open_data_, &open_node_}) {
      if (*open != nullptr) rolled_.push_back(std::move(*open));
    }
  }
  NS_KILL_POINT("shutdown.sealing");
  NS_RETURN_IF_ERROR(BarrierLocked({}, journal_.generation()));
  return SealEndedPacks();
}

std::pair<uint64_t, uint64_t> ObjectStore::UnsealedFigures() const {
  absl::MutexLock lock(&mutex_);
  return {unsealed_objects_, unsealed_bytes_};
}

void ObjectStore::Fail(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = status;
}

absl::Status ObjectStore::failure() const {
  NS_RETURN_IF_ERROR(journal_.failure());
  absl::MutexLock lock(&mutex_);
  return failure_;
}

}  // namespace nightsafe
