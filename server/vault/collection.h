// Frees what no snapshot and no session needs any more: marks, condemns,
// rewrites packs. Never unlinks. DESIGN.md in server/store has the argument.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "server/store/object_index.h"
#include "server/vault/mark_table.h"
#include "server/vault/object_store.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

struct CollectProgress;
// Called after each step and after each few megabytes that are copied, to tell
// and to pause; an error from it stops the collection.
using CollectCallback = std::function<absl::Status(const CollectProgress&)>;

struct CollectOptions {
  // Marks and counts, and changes nothing. What is due for a purge counts as
  // purged.
  bool dry_run = false;
  // Also if more than half of the vault would be condemned.
  bool override_share = false;
  // Also if snapshots lack objects: what only those reach is condemned.
  bool override_missing = false;
  // A pack with a larger share of live bytes is left as it is. Small enough
  // that no more than twice the garbage is copied.
  double max_live_share = 0.6;
  // Nodes read in one step.
  size_t nodes_per_step = 256;
  CollectCallback on_copied;  // within the step that copies
};

enum class CollectPhase { kMarking, kSurveying, kClearing, kRewriting, kDone };

struct CollectProgress {
  CollectPhase phase = CollectPhase::kMarking;
  uint64_t marked_objects = 0;
  uint64_t objects = 0;          // in the index when it began
  uint64_t condemned_bytes = 0;  // once it is known
  uint64_t rewritten_bytes = 0;  // copied so far
  uint64_t removed_packs = 0;
  uint64_t removed_bytes = 0;
  // Of the packs that are to be removed.
  uint64_t total_packs = 0;
  uint64_t total_bytes = 0;
};

struct CollectResult {
  v1::format::VaultRecord::Collected figures;
  uint64_t objects = 0;      // looked at
  uint64_t total_bytes = 0;  // theirs
  // What removing packs frees, less the copies. A dry run: would free.
  uint64_t freed_bytes = 0;
  // More than half is condemned: only with override_share, unless a dry run.
  bool unusual_share = false;
  uint64_t missing_objects = 0;  // that snapshots lack
  uint64_t memory_bytes = 0;     // of the marks
};

struct CollectedVault {
  FileSystem& fs;
  const VaultPaths& paths;
  const VaultId& vault;
  ObjectIndex& index;
  VaultJournal& journal;
  ObjectStore& store;
};

// One collection of one vault, in steps between which anything else may happen
// in the vault. Abandoned when it is destroyed: what is condemned then is
// present again. Thread-compatible.
class Collection {
 public:
  Collection(const CollectedVault& what, const CollectOptions& options,
             int64_t now_ns);
  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  // True: it is done. An error ends it; nothing is lost by it.
  // FAILED_PRECONDITION: an override is needed, or a session touched too much.
  // ABORTED: the vault's generation changed. RESOURCE_EXHAUSTED: no room for a
  // copy. UNAVAILABLE, DATA_LOSS: something could not be read: run a scrub.
  absl::StatusOr<bool> Step();

  CollectProgress progress() const;
  // Once it is done.
  CollectResult result() const;

 private:
  struct ToRead {
    uint32_t domain_number = 0;
    ObjectId id;
    bool needed = false;  // by a snapshot, not only by a session
  };
  struct PackSurvey {
    uint64_t live_bytes = 0;  // with their record headers
    uint64_t entries = 0;     // of the index that point into it
    bool nodes = false;
  };
  struct Candidate {
    PackId pack;
    uint64_t length = 0;
    uint64_t live_bytes = 0;
    uint64_t entries = 0;
    bool nodes = false;
  };

  absl::Status Begin();
  absl::Status CheckGeneration() const;
  // In a pack, with its header.
  static uint64_t StoredLength(uint32_t length) {
    return kPackRecordHeaderBytes + uint64_t{length};
  }
  // What could not be read, with what to do.
  static absl::Status RunScrub(const absl::Status& status);
  absl::flat_hash_set<SnapshotId> DueNow(const VaultState& state) const;
  absl::Status FillTable();
  absl::Status MarkSome();
  absl::Status TouchedTooMuch() const;
  void MarkTouched(const TouchedObjects& touched);
  void Reach(const ToRead& what);
  absl::Status ReadRefs(const ToRead& what, const ObjectLocation& location);
  absl::Status Survey();
  void ChooseCandidates(
      const absl::flat_hash_map<PackId, PackSurvey>& packs,
      const std::vector<std::pair<PackId, uint64_t>>& finished);
  absl::Status Publish();
  absl::Status ClearSome();
  absl::Status CopyGroup();
  absl::Status CopyPack(const Candidate& pack, PackRewrite& rewrite,
                        std::unique_ptr<PackWriter>& target);
  absl::Status CopyObjects(const PackId& pack,
                           const std::vector<PackEntry>& live,
                           PackRewrite& rewrite,
                           std::unique_ptr<PackWriter>& target);
  absl::Status CheckRoom(uint64_t bytes);
  absl::Status SealTarget(PackWriter& target, PackRewrite& rewrite);
  absl::Status Switch();
  // The half-made copy counts for nothing.
  void Abandon(const PackId& target);
  absl::Status Finish();

  const CollectedVault what_;
  const CollectOptions options_;
  enum class State {
    kBegin,
    kMark,
    kSurvey,
    kPublish,
    kClear,
    kCopy,
    kSwitch,
    kDone,
    kFailed,
  };
  State state_ = State::kBegin;
  absl::Status failure_;
  bool begun_ = false;
  bool open_finished_ = false;   // packs that were open
  bool keep_condemned_ = false;  // nobody knows what the index says
  uint64_t generation_ = 0;
  std::shared_ptr<MarkTable> marks_;
  std::vector<ToRead> todo_;
  // Not in the table: put since.
  absl::flat_hash_set<ObjectKeyPair> others_;
  TouchedObjects touched_;  // from before; marked after the snapshots
  bool touched_marked_ = false;
  std::string first_missing_;
  std::vector<ObjectKeyPair> unmarked_nodes_;
  size_t cleared_ = 0;
  std::vector<Candidate> candidates_;  // the least live last
  std::optional<PackRewrite> rewrite_;
  CollectProgress progress_;
  uint64_t synced_bytes_ = 0;  // of progress_.rewritten_bytes
  CollectResult result_;
};

}  // namespace nightsafe
