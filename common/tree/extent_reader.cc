// ReadExtents of cursor.h.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/tree/cursor.h"

namespace nightsafe {
namespace {

using Take = std::function<absl::Status(const FileExtent&)>;

struct Frame {
  ExtentTreeNode node;
  size_t next = 0;
};

absl::Status CheckLength(uint64_t length, uint64_t expected) {
  if (length == expected) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("extents of ", length, " bytes, ", expected, " expected"));
}

absl::Status TakeAll(const FileExtents& extents, const Take& take) {
  for (const FileExtent& extent : extents) NS_RETURN_IF_ERROR(take(extent));
  return absl::OkStatus();
}

// Each node is as long as its parent says, and no part is empty: a graph that
// reaches one node many times ends with the file's length.
absl::Status ReadSubtree(const ObjectRef& root, uint64_t size_bytes,
                         const NodeFetch& fetch, const Take& take) {
  std::vector<Frame> stack(1);
  NS_ASSIGN_OR_RETURN(stack[0].node, FetchExtentNode(fetch, root));
  NS_RETURN_IF_ERROR(CheckLength(stack[0].node.length, size_bytes));
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.node.level == 0) {
      NS_RETURN_IF_ERROR(TakeAll(top.node.extents, take));
      stack.pop_back();
    } else if (top.next == top.node.children.size()) {
      stack.pop_back();
    } else {
      const ExtentChild& claim = top.node.children[top.next++];
      Frame frame;
      NS_ASSIGN_OR_RETURN(frame.node, FetchExtentNode(fetch, claim.ref));
      NS_RETURN_IF_ERROR(CheckLength(frame.node.length, claim.length));
      if (frame.node.level + 1 != top.node.level) {
        return absl::DataLossError(
            absl::StrCat("node of extents of level ", frame.node.level,
                         " below level ", top.node.level));
      }
      stack.push_back(std::move(frame));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadExtents(const TreeEntry& entry, const NodeFetch& fetch,
                         const Take& take) {
  const uint64_t size_bytes =
      HasContent(entry.entry) ? entry.entry.size_bytes() : 0;
  if (entry.subtree.has_value()) {
    return ReadSubtree(*entry.subtree, size_bytes, fetch, take);
  }
  NS_ASSIGN_OR_RETURN(const uint64_t total, TotalLength(entry.extents));
  NS_RETURN_IF_ERROR(CheckLength(total, size_bytes));
  return TakeAll(entry.extents, take);
}

}  // namespace nightsafe
