#include "common/tree/cursor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

// A node on the way down.
struct Frame {
  TreeNode node;
  size_t next = 0;  // entry or child that comes next
  // All keys below are less than this one; none: no limit.
  std::optional<PathKey> bound;
};

absl::Status Refuse(const TreeChild& claim, absl::string_view reason) {
  return absl::DataLossError(
      absl::StrCat("node ", claim.ref.id.Hex(), " ", reason));
}

// What the parent said, and that the node stays before its right neighbour.
absl::Status CheckClaim(const TreeChild& claim, uint32_t parent_level,
                        const Frame& frame) {
  const TreeNode& node = frame.node;
  if (node.level + 1 != parent_level) {
    return Refuse(claim, absl::StrCat("of level ", node.level, " below level ",
                                      parent_level));
  }
  if (node.first() != claim.first) {
    return Refuse(claim, "does not begin with the entry its parent claims");
  }
  if (node.entry_count != claim.entries) {
    return Refuse(claim, absl::StrCat("has ", node.entry_count, " entries, ",
                                      claim.entries, " claimed"));
  }
  if (node.file_bytes != claim.file_bytes) {
    return Refuse(claim, absl::StrCat("has ", node.file_bytes, " file bytes, ",
                                      claim.file_bytes, " claimed"));
  }
  if (frame.bound.has_value() && !(node.last() < *frame.bound)) {
    return Refuse(claim, "reaches into its neighbour");
  }
  return absl::OkStatus();
}

}  // namespace

struct TreeCursor::State {
  absl::Status Position(const PathKey& key);
  absl::Status Descend(size_t index);
  absl::Status LoadRoot();
  // Does the node cover `key`, so that it need not be fetched again?
  static bool Covers(const Frame& frame, const PathKey& key);

  ObjectRef root;
  NodeFetch fetch;
  std::vector<Frame> stack;        // from the root, which stays
  std::optional<PathKey> pending;  // where the next entry is to be sought
};

absl::Status TreeCursor::State::LoadRoot() {
  NS_ASSIGN_OR_RETURN(TreeNode node, FetchTreeNode(fetch, root));
  stack.push_back({.node = std::move(node)});
  return absl::OkStatus();
}

absl::Status TreeCursor::State::Descend(size_t index) {
  Frame& parent = stack.back();
  const std::vector<TreeChild>& children = parent.node.children;
  Frame frame;
  frame.bound = index + 1 < children.size()
                    ? std::optional(children[index + 1].first)
                    : parent.bound;
  NS_ASSIGN_OR_RETURN(frame.node, FetchTreeNode(fetch, children[index].ref));
  NS_RETURN_IF_ERROR(CheckClaim(children[index], parent.node.level, frame));
  parent.next = index + 1;
  stack.push_back(std::move(frame));
  return absl::OkStatus();
}

bool TreeCursor::State::Covers(const Frame& frame, const PathKey& key) {
  return frame.node.level > 0 && frame.node.first() <= key &&
         (!frame.bound.has_value() || key < *frame.bound);
}

absl::Status TreeCursor::State::Position(const PathKey& key) {
  // The entries of a leaf are handed out, so it is fetched again.
  while (!stack.empty() && !Covers(stack.back(), key) &&
         (stack.size() > 1 || stack.back().node.level == 0)) {
    stack.pop_back();
  }
  if (stack.empty()) NS_RETURN_IF_ERROR(LoadRoot());
  while (stack.back().node.level > 0) {
    const std::vector<TreeChild>& children = stack.back().node.children;
    const auto after =
        std::upper_bound(children.begin(), children.end(), key,
                         [](const PathKey& k, const TreeChild& child) {
                           return k < child.first;
                         });
    const auto index = static_cast<size_t>(after - children.begin());
    NS_RETURN_IF_ERROR(Descend(index == 0 ? 0 : index - 1));
  }
  const std::vector<TreeEntry>& entries = stack.back().node.entries;
  const auto found = std::lower_bound(
      entries.begin(), entries.end(), key,
      [](const TreeEntry& entry, const PathKey& k) { return entry.key < k; });
  stack.back().next = static_cast<size_t>(found - entries.begin());
  return absl::OkStatus();
}

TreeCursor::TreeCursor(const ObjectRef& root, NodeFetch fetch)
    : state_(std::make_unique<State>()) {
  state_->root = root;
  state_->fetch = std::move(fetch);
  state_->pending.emplace();
}

TreeCursor::~TreeCursor() = default;

absl::Status TreeCursor::Seek(const PathKey& key) {
  state_->pending = key;
  NS_RETURN_IF_ERROR(state_->Position(key));
  state_->pending.reset();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TreeEntry>> TreeCursor::Next() {
  if (state_->pending.has_value()) {
    NS_RETURN_IF_ERROR(Seek(PathKey(*state_->pending)));
  }
  std::vector<Frame>& stack = state_->stack;
  for (;;) {
    Frame& top = stack.back();
    if (top.next == top.node.size()) {
      if (stack.size() == 1) return std::nullopt;
      stack.pop_back();
    } else if (top.node.level > 0) {
      NS_RETURN_IF_ERROR(state_->Descend(top.next));
    } else {
      return std::move(top.node.entries[top.next++]);
    }
  }
}

absl::StatusOr<TreeEntry> TreeCursor::Find(const PathKey& key) {
  NS_RETURN_IF_ERROR(Seek(key));
  NS_ASSIGN_OR_RETURN(std::optional<TreeEntry> entry, Next());
  if (!entry.has_value() || entry->key != key) {
    return absl::NotFoundError(
        absl::StrCat("\"", absl::CHexEscape(JoinPath(key.directory, key.name)),
                     "\" is not in this snapshot"));
  }
  return *std::move(entry);
}

}  // namespace nightsafe
