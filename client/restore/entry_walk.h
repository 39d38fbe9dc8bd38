// The entries of a snapshot, or of a part of it, in order and past damage.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/restore/node_source.h"
#include "common/tree/cursor.h"
#include "nightsafe/v1/format/manifest.pb.h"

namespace nightsafe {

struct WalkRange {
  // Absolute path of an entry, which is taken with all below it; empty:
  // everything.
  std::string path;
  bool ancestors = false;  // its ancestors first, from "/" down
};

// Not thread-safe. Borrows `nodes`.
class EntryWalk {
 public:
  EntryWalk(NodeSource& nodes, const ObjectRef& root,
            const v1::format::Statistics& statistics, WalkRange range);
  ~EntryWalk();

  // Nullopt at the end. A damaged node is noted (TakeLost) and passed over.
  // NOT_FOUND: range.path is not in the snapshot. DATA_LOSS: more entries or
  // bytes than the signed statistics say, so that a small tree cannot unfold
  // without end. All errors are final.
  absl::StatusOr<std::optional<TreeEntry>> Next();

  std::vector<LostNode> TakeLost();

 private:
  absl::Status Start();
  absl::StatusOr<std::optional<TreeEntry>> NextInRange();
  absl::Status PassOver(const absl::Status& why);
  absl::Status Count(const TreeEntry& entry);
  NodeFetch Fetch();

  NodeSource& nodes_;
  const ObjectRef root_;
  const v1::format::Statistics limits_;
  const WalkRange range_;
  bool started_ = false;
  bool ended_ = false;
  std::vector<TreeEntry> before_range_;  // in reverse
  std::unique_ptr<TreeCursor> cursor_;
  std::optional<PathKey> passed_over_to_;
  std::vector<LostNode> lost_;
  uint64_t entries_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace nightsafe
