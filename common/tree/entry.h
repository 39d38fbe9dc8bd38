// One entry of a snapshot as the tree holds it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/object/sealer.h"
#include "common/tree/extent.h"
#include "common/tree/path_key.h"
#include "nightsafe/v1/format/entry.pb.h"

namespace nightsafe {

struct TreeEntry {
  PathKey key;
  v1::format::Entry entry;
  std::string entry_bytes;  // as stored
  // Inline extents; a file with more has `subtree` instead (see ReadExtents).
  FileExtents extents;
  std::optional<ObjectRef> subtree;
};

// DATA_LOSS unless every field is within its limit and only those are set that
// an entry of its type has. The name is checked with its path.
absl::Status CheckEntry(const v1::format::Entry& entry);

// True if the entry's content is held: a regular file that could be read.
bool HasContent(const v1::format::Entry& entry);

// size_bytes of a regular file, else 0: what sums of file bytes count.
uint64_t FileBytes(const v1::format::Entry& entry);

// DATA_LOSS unless `extent` has bytes and lies within its object.
absl::Status CheckExtent(const FileExtent& extent);

// The sum of lengths; DATA_LOSS if it passes the largest file, 2^63 - 1 bytes.
absl::StatusOr<uint64_t> TotalLength(const FileExtents& extents);

}  // namespace nightsafe
