// What the open sessions of a vault rely on, and what its collection has
// condemned. DESIGN.md in server/store has the argument.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "server/store/object_index.h"
#include "server/vault/mark_table.h"

namespace nightsafe {

// Of one session, unless a test wants fewer: about 12 bytes for each data
// object, 40 for each node.
inline constexpr size_t kMaxTouches = 1 << 24;

// What a collection can do wrong. Only the model test asks for it, to show that
// it would see it.
enum class CollectionDefect {
  kNone,
  kNoShading,           // touches during the mark are not marked
  kTouchOnlyStops,      // a commit check touches only where it stops
  kClearInMemory,       // closed marks of the condemned are not cleared on disk
  kNewGenerationMarks,  // closed marks get the generation of the barrier
  kMarkLiveOnly,        // what is in the trash is no root
  kForgetOverflow,      // who touched too much is forgotten when it ends
};

class Touches;

// What one session relies on, as long as this lives.
class TouchSet {
 public:
  ~TouchSet();
  TouchSet(const TouchSet&) = delete;
  TouchSet& operator=(const TouchSet&) = delete;

  bool empty() const;
  size_t size() const;  // what is remembered
  uint32_t domain_number() const { return domain_number_; }

 private:
  friend class Touches;
  TouchSet(Touches& owner, uint32_t domain_number)
      : owner_(owner), domain_number_(domain_number) {}

  // Guarded by the owner's mutex.
  Touches& owner_;
  const uint32_t domain_number_;
  absl::flat_hash_set<uint64_t> data_;
  absl::flat_hash_set<ObjectId> nodes_;
  bool overflown_ = false;  // it touched more than is remembered
};

// Roots of a mark.
struct TouchedObjects {
  std::vector<std::pair<uint32_t, uint64_t>> data;   // domain, prefix
  std::vector<std::pair<uint32_t, ObjectId>> nodes;  // domain, id
  // Some session touched more than is remembered, whether or not it is still
  // open: nothing may be condemned by these.
  bool overflown = false;

  bool empty() const { return data.empty() && nodes.empty(); }
};

// Thread-safe; must outlive its sets.
class Touches {
 public:
  using Found = std::vector<std::optional<ObjectLocation>>;

  // So many are remembered of each session.
  explicit Touches(size_t max_touches = kMaxTouches)
      : max_touches_(max_touches) {}
  size_t max_touches() const { return max_touches_; }

  // One for each session.
  std::unique_ptr<TouchSet> Open(uint32_t domain_number);

  // Taken before objects are looked up, so that Touch can tell whether what was
  // found may be out of date.
  uint64_t changes() const;
  // Of what was `found` for `ids`, makes absent what is condemned and touches
  // the rest, in one step against Publish. `only_closed` is 0, or the
  // generation of a planted defect. False: look up again; nothing was done.
  bool Touch(TouchSet& session, std::span<const ObjectId> ids, Found& found,
             uint64_t changes, uint64_t only_closed = 0);
  // A copy of the object was just appended, or waits for its sync: nobody
  // condemns it any more, and the session, if any, touched it.
  void Stored(TouchSet* session, uint32_t domain_number, const ObjectId& id,
              ObjectKind kind);

  // For the one collection under way. From Begin on every touch is also queued;
  // returns those from before.
  TouchedObjects Begin(CollectionDefect defect);
  TouchedObjects TakeQueue();
  // Condemns what is not marked. False if the queue is not empty, or some
  // session touched too much since Begin: nothing was done.
  bool Publish(std::shared_ptr<MarkTable> marks);
  bool IsCondemned(uint32_t domain_number, const ObjectId& id) const;
  // From Publish to End.
  bool has_condemned() const;
  // Locations were changed or erased in the index.
  void NoteMoves();
  // Nothing is condemned any more.
  void End();

 private:
  friend class TouchSet;
  void Add(TouchSet& session, const ObjectId& id, ObjectKind kind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_touches_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_set<TouchSet*> sets_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool marking_ ABSL_GUARDED_BY(mutex_) = false;
  TouchedObjects queue_ ABSL_GUARDED_BY(mutex_);
  // Not null: what is not marked in it is condemned.
  std::shared_ptr<MarkTable> condemned_ ABSL_GUARDED_BY(mutex_);
  CollectionDefect defect_ ABSL_GUARDED_BY(mutex_) = CollectionDefect::kNone;
};

}  // namespace nightsafe
