// Walks one snapshot in order and brings the contents of its files along:
// fetched ahead in parallel, verified and opened.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/restore/node_source.h"
#include "client/restore/object_source.h"
#include "common/tree/cursor.h"
#include "nightsafe/v1/format/manifest.pb.h"

namespace nightsafe {

// A run of bytes of a file. Holes have no piece.
struct ContentPiece {
  ObjectRef object;
  uint64_t file_offset = 0;
  uint32_t offset = 0;  // in the object's plaintext
  uint32_t length = 0;  // bytes
  // Why the object cannot be had; OK: `plain` is it, whole, or null if it was
  // delivered before (once_each).
  absl::Status status;
  std::shared_ptr<const std::string> plain;
};

// An entry, or a further part of a large file.
struct ContentItem {
  std::shared_ptr<const TreeEntry> entry;
  bool begins = false;  // the first item of this entry
  bool ends = false;    // the last one
  std::vector<ContentPiece> pieces;
  absl::Status status;  // the file's extents cannot be read to their end
};

// Some items in order; what they hold is bounded.
struct ContentWindow {
  std::vector<ContentItem> items;
  std::vector<LostNode> lost;  // what could not be walked
};

struct SnapshotReaderOptions {
  // Absolute path of an entry, which is taken with all below it and its
  // ancestors; empty: everything.
  std::string path;
  bool contents = true;
  // Fetch each object once in all, and none that is in this set, where they are
  // added: to verify, not to restore. Must outlive the reader; may be null.
  absl::flat_hash_set<ObjectId>* once_each = nullptr;
  size_t fetch_threads = 4;
};

// A thread walks and a few fetch; Next is for one caller. Never holds more than
// about 64 MiB of contents and 32 MiB of nodes.
//
// The walk stops with DATA_LOSS when it meets more entries or bytes than the
// signed statistics say: a small tree cannot unfold without end.
class SnapshotReader {
 public:
  // Borrows `objects`. `statistics` are those of the snapshot.
  SnapshotReader(const ObjectSource& objects, const ObjectRef& root,
                 const v1::format::Statistics& statistics,
                 SnapshotReaderOptions options);
  ~SnapshotReader();

  // Nullopt at the end. NOT_FOUND: the path is not in the snapshot. Any error
  // is final; damaged objects and nodes are none.
  absl::StatusOr<std::optional<ContentWindow>> Next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nightsafe
