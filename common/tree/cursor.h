// Reads a snapshot tree in order through a fetch function.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/object/sealer.h"
#include "common/tree/extent.h"
#include "common/tree/path_key.h"
#include "nightsafe/v1/format/entry.pb.h"

namespace nightsafe {

// A node: refs as its object's header lists them, and its opened plaintext.
struct FetchedNode {
  std::vector<ObjectId> refs;
  std::string plain;
};
// Implementations fetch, verify and open; they may cache and read ahead. Errors
// pass through the cursor unchanged.
using NodeFetch = std::function<absl::StatusOr<FetchedNode>(const ObjectRef&)>;

struct TreeEntry {
  PathKey key;
  v1::format::Entry entry;
  std::string entry_bytes;  // as stored
  // Inline extents; a file with more has `subtree` instead (see ReadExtents).
  FileExtents extents;
  std::optional<ObjectRef> subtree;
};

// Not thread-safe. DATA_LOSS for any node that breaks the format: bad names,
// entries out of order or outside what the parent claimed, extents outside
// their object, depth over 64.
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
// DATA_LOSS unless they add up to entry.size_bytes (0 for an unreadable entry).
absl::Status ReadExtents(
    const TreeEntry& entry, const NodeFetch& fetch,
    const std::function<absl::Status(const FileExtent&)>& take);

}  // namespace nightsafe
