// Plaintext of a node to checked structures. FORMAT.md has the layout.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/object/sealer.h"
#include "common/tree/entry.h"
#include "common/tree/extent.h"
#include "common/tree/path_key.h"

namespace nightsafe {

// A node: refs as its object's header lists them, and its opened plaintext.
struct FetchedNode {
  std::vector<ObjectId> refs;
  std::string plain;
};
// Implementations fetch, verify and open; they may cache and read ahead. Errors
// pass through unchanged.
using NodeFetch = std::function<absl::StatusOr<FetchedNode>(const ObjectRef&)>;

// What a node says of one below it.
struct TreeChild {
  ObjectRef ref;
  PathKey first;
  uint64_t entries = 0;     // below it
  uint64_t file_bytes = 0;  // of regular files below it
};

// A node of the path tree: entries at level 0, children above.
struct TreeNode {
  uint32_t level = 0;
  std::vector<TreeEntry> entries;
  std::vector<TreeChild> children;
  uint64_t entry_count = 0;  // sums over entries or children
  uint64_t file_bytes = 0;

  size_t size() const { return level == 0 ? entries.size() : children.size(); }
  const PathKey& first() const {
    return level == 0 ? entries.front().key : children.front().first;
  }
  const PathKey& last() const {
    return level == 0 ? entries.back().key : children.back().first;
  }
};

struct ExtentChild {
  ObjectRef ref;
  uint64_t length = 0;  // bytes of the file below it
};

// A node of one file's extents: extents at level 0, children above.
struct ExtentTreeNode {
  uint32_t level = 0;
  FileExtents extents;
  std::vector<ExtentChild> children;
  uint64_t length = 0;  // sum over extents or children

  size_t size() const { return level == 0 ? extents.size() : children.size(); }
};

// DATA_LOSS with the reason unless the node, by itself, keeps every rule of the
// format: not empty, limits, order, names, references, sums.
absl::StatusOr<TreeNode> DecodeTreeNode(const FetchedNode& fetched);
absl::StatusOr<ExtentTreeNode> DecodeExtentNode(const FetchedNode& fetched);

// Fetches `ref`; DATA_LOSS also if the plaintext has another length.
absl::StatusOr<TreeNode> FetchTreeNode(const NodeFetch& fetch,
                                       const ObjectRef& ref);
absl::StatusOr<ExtentTreeNode> FetchExtentNode(const NodeFetch& fetch,
                                               const ObjectRef& ref);

}  // namespace nightsafe
