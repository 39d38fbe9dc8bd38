// The objects of one vault: appended to packs, found again, made durable.
// DESIGN.md in server/store has the argument.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"
#include "server/pack/pack_writer.h"
#include "server/pack/seal.h"
#include "server/store/object_index.h"
#include "server/vault/free_space.h"
#include "server/vault/pack_readers.h"
#include "server/vault/pack_rewrite.h"
#include "server/vault/reached_objects.h"
#include "server/vault/session_table.h"
#include "server/vault/touches.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

struct StoreOptions {
  // Deposits are refused while less than this is free: max of both.
  uint64_t reserve_bytes = uint64_t{2} << 30;
  double reserve_share = 0.03;
  // A pack is finished before it would pass this.
  uint64_t data_pack_bytes = 256 << 20;
  uint64_t node_pack_bytes = 64 << 20;
  // Locations that may wait in memory for the next barrier.
  size_t max_waiting = 100'000;
  // Objects that are remembered of one session.
  size_t max_touches = kMaxTouches;
  // Of one commit check; beyond, figures are lower bounds. Objects it
  // remembers, and those looked up to measure the change: about two seconds.
  size_t max_reached = ReachedObjects::kMaxObjects;
  size_t max_measured = 1 << 20;
  // Sessions of one host that have no stream.
  size_t max_idle_sessions = kMaxIdleSessions;
  // When the vault is opened (TakeBackRemoved): somebody asked for it.
  bool take_back_removed = false;
  // For the model test of collection: called between the steps of a commit,
  // with no lock held, and what is done wrong.
  std::function<void()> between_steps;
  CollectionDefect defect = CollectionDefect::kNone;
};

// Thread-safe. Three locks, taken in this order:
//   sync_mutex_    one barrier at a time; held during sync, seal, index write
//   append_mutex_  the two open packs; held during an append (into the page
//                  cache), not while they are synced
//   mutex_         memory only
class ObjectStore {
 public:
  // Borrows all but `paths`.
  ObjectStore(FileSystem& fs, const VaultPaths& paths, const VaultId& vault,
              ObjectIndex& index, VaultJournal& journal,
              const StoreOptions& options);
  ~ObjectStore();

  // Appends the object unless it is present and not condemned; says whether it
  // did. The session, if any, touches it in any case. The caller has verified
  // `object.id`. RESOURCE_EXHAUSTED: less than the reserve is free (of
  // manifests: a quarter of it), or the disk is full; later calls look again.
  // UNAVAILABLE: a pack failed.
  absl::StatusOr<bool> Put(const PackObject& object,
                           TouchSet* session = nullptr)
      ABSL_LOCKS_EXCLUDED(sync_mutex_, append_mutex_, mutex_);

  // One answer for each id, in order; nothing: absent, lost or quarantined.
  absl::StatusOr<std::vector<std::optional<ObjectLocation>>> Find(
      uint32_t domain_number, std::span<const ObjectId> ids) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // As Find, but what is condemned is absent too, and the session touches what
  // is not. `stops`, if not 0, is for a planted defect: only nodes closed in
  // that generation are touched.
  absl::StatusOr<std::vector<std::optional<ObjectLocation>>> FindAndTouch(
      TouchSet& session, std::span<const ObjectId> ids, uint64_t stops = 0)
      ABSL_LOCKS_EXCLUDED(mutex_);
  Touches& touches() { return touches_; }
  const StoreOptions& options() const { return options_; }

  // As PackReaders::Read. Looks again where the object is if a collection has
  // moved it since `location` was found.
  absl::StatusOr<std::string> Read(uint32_t domain_number, const ObjectId& id,
                                   const ObjectLocation& location);

  // The durability point of objects: all that was put before the call is synced
  // and in the index when OK, and so are the marks of `proved`, whose closure
  // held in `generation`. ABORTED: the generation is another by now, `proved`
  // may be wrong, nothing was marked. Other errors: see failure().
  absl::Status Barrier(std::span<const IndexEntry> proved, uint64_t generation)
      ABSL_LOCKS_EXCLUDED(sync_mutex_, append_mutex_, mutex_);

  // A collection has removed the pack; nothing that lies in it counts.
  bool IsRemoved(const PackId& pack) const;

  // Makes these copies absent for good and raises the generation, with few
  // journal appends. Those in removed packs are let be.
  absl::Status Quarantine(std::span<const IndexEntry> copies,
                          absl::string_view reason)
      ABSL_LOCKS_EXCLUDED(sync_mutex_, mutex_);
  // These copies were quarantined and are right again: they may be used, unless
  // their packs were removed.
  absl::Status Reinstate(std::span<const IndexEntry> copies)
      ABSL_LOCKS_EXCLUDED(sync_mutex_, mutex_);
  // Journals as healed whatever was found wrong and has a durable good copy.
  // Barriers do this too, for what they make durable.
  absl::Status CloseHealed() ABSL_LOCKS_EXCLUDED(sync_mutex_, mutex_);

  // For a collection. Condemns what is not marked. False: a touch came in
  // between, nothing was done. ABORTED: the generation is another.
  absl::StatusOr<bool> Condemn(std::shared_ptr<MarkTable> marks,
                               uint64_t generation)
      ABSL_LOCKS_EXCLUDED(sync_mutex_);
  // Nothing is known any more of what these nodes reach; durable when OK.
  absl::Status ClearClosed(std::span<const ObjectKeyPair> nodes)
      ABSL_LOCKS_EXCLUDED(sync_mutex_);
  // `entries` are all of the finished pack.
  absl::StatusOr<SortedPack> SortOut(const PackId& pack,
                                     std::span<const PackEntry> entries) const;
  // The copies take the place of what they are copies of, what is condemned is
  // forgotten, and the sources are removed: in the index, durably, then in the
  // journal. `begun` tells whether the index may have changed. ABORTED: the
  // generation is another, or something came back to life.
  absl::Status Switch(const PackRewrite& rewrite, uint64_t generation,
                      bool& begun) ABSL_LOCKS_EXCLUDED(sync_mutex_, mutex_);

  // What is durable and indexed of each unfinished pack, in order of offset.
  // Its pack_length is that length.
  std::vector<Toc> UnsealedContents() const
      ABSL_LOCKS_EXCLUDED(sync_mutex_, append_mutex_, mutex_);

  // Unfinished packs with the length that is durable and indexed.
  std::vector<std::pair<PackId, uint64_t>> UnsealedPacks() const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Finishes every pack; what is put meanwhile goes into new ones.
  absl::Status SealAll()
      ABSL_LOCKS_EXCLUDED(sync_mutex_, append_mutex_, mutex_);

  // Objects in unfinished packs, and their bytes.
  std::pair<uint64_t, uint64_t> UnsealedFigures() const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, or why nothing can be stored until a restart.
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Nothing is appended to it any more.
  struct EndedPack {
    std::unique_ptr<PackWriter> writer;
    bool buried = false;  // the journal knows that it is dead
  };

  // Touches it, if it does.
  bool IsWaiting(const PackObject& object, TouchSet* session)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The open pack with room for the object; starts a new one if need be.
  absl::StatusOr<std::unique_ptr<PackWriter>*> WriterFor(
      const PackObject& object) ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  // Nothing is appended to it any more; a barrier has become due.
  void Roll(std::unique_ptr<PackWriter>& open)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether it was appended: another session may have been faster.
  absl::StatusOr<bool> Append(const PackObject& object, TouchSet* session)
      ABSL_LOCKS_EXCLUDED(append_mutex_, mutex_);
  // True for one caller each time a barrier has become due.
  bool TakeBarrierDue() ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Syncs open packs, takes over rolled ones and syncs them too.
  void SyncPacks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_)
      ABSL_LOCKS_EXCLUDED(append_mutex_);
  // Buries packs that failed. ABORTED if there was one.
  absl::Status BuryDeadPacks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_)
      ABSL_LOCKS_EXCLUDED(append_mutex_, mutex_);
  absl::Status Bury(const PackWriter& writer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  // Synced length of every unfinished pack.
  absl::flat_hash_map<PackId, uint64_t> SyncedLengths() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_)
          ABSL_LOCKS_EXCLUDED(append_mutex_);
  absl::Status WriteIndex(std::span<const IndexEntry> proved)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_)
          ABSL_LOCKS_EXCLUDED(append_mutex_, mutex_);
  absl::Status SealEndedPacks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Seal(const PackWriter& writer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  // It is not among the unsealed ones any more.
  void Forget(const PackWriter& writer) ABSL_LOCKS_EXCLUDED(mutex_);
  // Where these nodes are now, if a collection has moved them.
  absl::Status Relocate(std::vector<IndexEntry>& proved) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  absl::Status AddSwitch(const PackRewrite& rewrite,
                         const PackRewrite::Source& source, IndexBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status NoteHealed(std::span<const IndexEntry> stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  // These objects have a durable good copy.
  absl::Status JournalHealed(std::span<const ObjectKeyPair> ids)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  absl::Status BarrierLocked(std::span<const IndexEntry> proved,
                             uint64_t generation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_)
          ABSL_LOCKS_EXCLUDED(append_mutex_, mutex_);

  FileSystem& fs_;
  const VaultPaths paths_;
  const VaultId vault_;
  ObjectIndex& index_;
  VaultJournal& journal_;
  const StoreOptions options_;
  PackReaders readers_;
  Touches touches_;

  mutable absl::Mutex sync_mutex_ ABSL_ACQUIRED_BEFORE(append_mutex_);
  std::vector<EndedPack> ended_ ABSL_GUARDED_BY(sync_mutex_);
  // Every put up to this one is durable.
  uint64_t durable_puts_ ABSL_GUARDED_BY(sync_mutex_) = 0;

  mutable absl::Mutex append_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::unique_ptr<PackWriter> open_data_ ABSL_GUARDED_BY(append_mutex_);
  std::unique_ptr<PackWriter> open_node_ ABSL_GUARDED_BY(append_mutex_);
  // Full or dead; the next barrier takes them to ended_.
  std::vector<std::unique_ptr<PackWriter>> rolled_
      ABSL_GUARDED_BY(append_mutex_);
  FreeSpace space_ ABSL_GUARDED_BY(append_mutex_);

  mutable absl::Mutex mutex_;
  // Received, and in no durable index batch yet.
  absl::flat_hash_map<ObjectKeyPair, ObjectLocation> waiting_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PackId, uint64_t> unsealed_ ABSL_GUARDED_BY(mutex_);
  uint64_t puts_ ABSL_GUARDED_BY(mutex_) = 0;
  bool barrier_due_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t unsealed_objects_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unsealed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  // Of the planted defect kClearInMemory.
  absl::flat_hash_set<ObjectKeyPair> cleared_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
