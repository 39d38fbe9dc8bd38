// Which snapshots lack something: the clear refs say so without a key.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "server/vault/object_store.h"
#include "server/vault/scrub.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

// A snapshot that reaches an object without a good copy.
struct HitSnapshot {
  SnapshotId id;
  uint64_t sequence = 0;
  std::string host;
  std::string set;
  absl::Time received;
  uint64_t objects = 0;  // that it reaches and that are not fine; a minimum if
  bool more = false;     // this is set
};

inline constexpr size_t kMaxNamedSnapshots = 20;

// An object without a good copy.
struct DamagedObject {
  uint32_t domain_number = 0;
  ObjectId id;
  Verdict verdict = Verdict::kMissing;
  std::string pack;  // file name, where the wrong copy lies; may be empty
  uint64_t offset = 0;
  std::string reason;
  // Places in Damage::snapshots, the latest first, at most kMaxNamedSnapshots.
  std::vector<size_t> snapshots;
  uint64_t more_snapshots = 0;
};

struct Damage {
  // False: the search was ended, and `snapshots` is empty.
  bool complete = true;
  // Some snapshot lacks too many objects to name it at each of them.
  bool trimmed = false;
  std::vector<DamagedObject> objects;
  std::vector<HitSnapshot> snapshots;  // by sequence
};

// Thread-safe. Remembers what was whole, so that a second search in the same
// generation walks new snapshots and damaged parts only.
class DamageFinder {
 public:
  // Borrows.
  DamageFinder(ObjectStore& store, const VaultJournal& journal)
      : store_(store), journal_(journal) {}

  // `unreadable` could not be read when it was last tried. Walks each node once
  // until `deadline` of the system's clock, or until `must_end`, if there is
  // one, says so; waits no longer for another search either. An error: the
  // index failed.
  absl::StatusOr<Damage> Find(const std::vector<ScrubProblem>& unreadable,
                              absl::Time deadline,
                              const std::function<bool()>& must_end)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<Damage> Walk(const std::vector<ScrubProblem>& unreadable,
                              const std::function<bool()>& must_end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ObjectStore& store_;
  const VaultJournal& journal_;
  absl::Mutex mutex_;  // held during a walk
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  // Nodes below which nothing was missing in that generation.
  absl::flat_hash_set<ObjectKeyPair> whole_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
