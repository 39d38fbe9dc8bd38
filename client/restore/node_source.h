// Nodes of one snapshot tree for a cursor: cached, read ahead, and with a way
// round a damaged one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/restore/lru_cache.h"
#include "client/restore/object_source.h"
#include "common/tree/cursor.h"

namespace nightsafe {

// What a walk loses with a node that cannot be had.
struct LostNode {
  absl::Status status;
  PathKey first;                // of the entries below it
  std::optional<PathKey> next;  // first entry behind it; nullopt: none
  uint64_t entries = 0;         // as its parent counts them
  uint64_t file_bytes = 0;
};

// Not thread-safe. Borrows `objects`.
class NodeSource {
 public:
  // `stop` as ObjectSource::Fetch has it.
  NodeSource(const ObjectSource& objects, const ObjectRef& root,
             const absl::Notification* stop = nullptr);

  // To be used as the cursor's NodeFetch. Leaves next to the one asked for come
  // with the same request.
  absl::StatusOr<FetchedNode> Fetch(const ObjectRef& ref);

  // After a cursor failed: the node of the snapshot tree it last asked for, if
  // that is why - it could not be had, or the cursor found it malformed. The
  // walk may go on at `next`. Nullopt: the request itself failed.
  std::optional<LostNode> TakeLost(const absl::Status& cursor_status);

  // The last error of Fetch was the request's, not one node's.
  bool request_failed() const { return request_failed_; }
  uint64_t fetched_nodes() const { return fetched_nodes_; }

 private:
  struct Child {
    ObjectRef ref;
    PathKey first;
    uint64_t entries;
    uint64_t file_bytes;
  };
  // The children of the inner node last read on a level, and what follows them.
  struct Family {
    std::vector<Child> children;
    std::optional<PathKey> next;
  };
  struct Relation {
    const Family* family;
    size_t index;
  };

  std::optional<Relation> Find(const ObjectRef& ref) const;
  LostNode Describe(const ObjectRef& ref) const;
  void RememberChildren(const ObjectRef& ref, const OpenedObject& node);
  absl::Status FetchWithSiblings(const ObjectRef& ref);

  const ObjectSource& objects_;
  const ObjectRef root_;
  const absl::Notification* const stop_;
  LruCache<absl::StatusOr<OpenedObject>> cache_;
  std::map<uint32_t, Family> families_;  // by level of the parent
  std::optional<LostNode> last_;         // the tree node last asked for
  bool request_failed_ = false;
  uint64_t fetched_nodes_ = 0;
};

}  // namespace nightsafe
