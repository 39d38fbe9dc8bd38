// Reads a snapshot tree in order through a fetch function.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/object/sealer.h"
#include "common/tree/entry.h"
#include "common/tree/extent.h"
#include "common/tree/node.h"
#include "common/tree/path_key.h"

namespace nightsafe {

// Not thread-safe. DATA_LOSS for any node that breaks the format: bad names,
// entries out of order or outside what the parent claimed, extents outside
// their object, depth over 64. After an error the position is unchanged, so a
// call may be tried again.
class TreeCursor {
 public:
  TreeCursor(const ObjectRef& root, NodeFetch fetch);
  ~TreeCursor();

  // The next call of Next gives the first entry with key >= `key`.
  absl::Status Seek(const PathKey& key);
  // The next entry in order, or nullopt at the end.
  absl::StatusOr<std::optional<TreeEntry>> Next();
  // Exactly this entry; NOT_FOUND names the path.
  absl::StatusOr<TreeEntry> Find(const PathKey& key);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Calls `take` with each extent of the file in order, wherever they are kept.
// DATA_LOSS unless they add up to entry.size_bytes (0 for an unreadable entry);
// never takes more than that.
absl::Status ReadExtents(
    const TreeEntry& entry, const NodeFetch& fetch,
    const std::function<absl::Status(const FileExtent&)>& take);

}  // namespace nightsafe
