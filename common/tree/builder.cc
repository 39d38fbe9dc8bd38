#include "common/tree/builder.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/tree/boundary.h"
#include "common/tree/entry.h"
#include "common/tree/extent_tree.h"

namespace nightsafe {
namespace {

absl::Status Refuse(const PathKey& key, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(JoinPath(key.directory, key.name)),
                   "\" cannot be added to the tree: ", reason));
}

absl::Status CheckExtents(const v1::format::Entry& entry,
                          const FileExtents& extents) {
  for (const FileExtent& extent : extents) {
    NS_RETURN_IF_ERROR(CheckExtent(extent));
  }
  NS_ASSIGN_OR_RETURN(const uint64_t total, TotalLength(extents));
  const uint64_t expected = HasContent(entry) ? entry.size_bytes() : 0;
  if (total != expected) {
    return absl::DataLossError(
        absl::StrCat("extents of ", total, " bytes, ", expected, " expected"));
  }
  return absl::OkStatus();
}

}  // namespace

struct TreeBuilder::State {
  // Nodes of one level above 0.
  struct Level {
    explicit Level(uint32_t level) : draft(level) {}
    // The first child waits for a second: if none comes, it is the root and
    // this level does not exist.
    std::optional<TreeChild> held;
    bool exists = false;
    NodeDraft draft;
    TreeChild sum;  // first key and sums of the draft
  };

  State(const DomainKeys& keys, Sealer& the_sealer, NodeSink the_sink)
      : rule(keys), sealer(the_sealer), sink(std::move(the_sink)) {}

  absl::Status CheckAdd(const PathKey& key, absl::string_view entry,
                        uint64_t file_bytes, const FileExtents& extents);
  absl::Status AddEntry(const PathKey& key, absl::string_view entry,
                        uint64_t file_bytes, const FileExtents& extents);
  absl::Status EndLeaf();
  absl::Status AddChild(uint32_t level, TreeChild child);
  absl::Status PushChild(uint32_t level, const TreeChild& child);
  absl::Status EndNode(uint32_t level);
  Level& At(uint32_t level) { return *levels[level - 1]; }

  const BoundaryRule rule;
  Sealer& sealer;
  const NodeSink sink;
  NodeDraft leaf{0};
  TreeChild leaf_sum;
  std::vector<std::unique_ptr<Level>> levels;  // from level 1
  std::optional<PathKey> previous;
  v1::format::Entry parsed;  // reused between calls
  bool spent = false;
};

absl::Status TreeBuilder::State::CheckAdd(const PathKey& key,
                                          absl::string_view entry,
                                          uint64_t file_bytes,
                                          const FileExtents& extents) {
  if (!IsValidPathKey(key.directory, key.name)) {
    return Refuse(key, "not a possible path");
  }
  if (previous.has_value() && !(*previous < key)) {
    return Refuse(key, absl::StrCat("out of order behind \"",
                                    absl::CHexEscape(JoinPath(
                                        previous->directory, previous->name)),
                                    "\""));
  }
  if (!parsed.ParseFromArray(entry.data(), static_cast<int>(entry.size())) ||
      parsed.name() != key.name) {
    return Refuse(key, "not an entry of that name");
  }
  if (const absl::Status status = CheckEntry(parsed); !status.ok()) {
    return Refuse(key, status.message());
  }
  if (file_bytes != FileBytes(parsed)) {
    return Refuse(key, absl::StrCat("counted with ", file_bytes, " bytes, has ",
                                    FileBytes(parsed)));
  }
  if (const absl::Status status = CheckExtents(parsed, extents); !status.ok()) {
    return Refuse(key, status.message());
  }
  return absl::OkStatus();
}

absl::Status TreeBuilder::State::AddEntry(const PathKey& key,
                                          absl::string_view entry,
                                          uint64_t file_bytes,
                                          const FileExtents& extents) {
  NS_RETURN_IF_ERROR(CheckAdd(key, entry, file_bytes, extents));
  std::optional<ObjectRef> subtree;
  std::vector<const ObjectRef*> objects;
  if (extents.size() > kMaxInlineExtents) {
    NS_ASSIGN_OR_RETURN(subtree, BuildExtentTree(extents, rule, sealer, sink));
    objects.push_back(&*subtree);
  } else {
    for (const FileExtent& extent : extents) {
      if (!extent.hole) objects.push_back(&extent.object);
    }
  }
  const size_t weight =
      leaf.EntryWeight(key, entry, subtree ? 0 : extents.size());
  if (leaf.WouldOverflow(weight, objects)) NS_RETURN_IF_ERROR(EndLeaf());
  if (leaf.items() == 0) leaf_sum.first = key;
  leaf.AddEntry(key, entry, extents, subtree ? &*subtree : nullptr);
  ++leaf_sum.entries;
  leaf_sum.file_bytes += file_bytes;
  previous = key;
  return rule.EndsAfter(0, key) ? EndLeaf() : absl::OkStatus();
}

absl::Status TreeBuilder::State::EndLeaf() {
  NS_ASSIGN_OR_RETURN(leaf_sum.ref, leaf.Seal(sealer, sink));
  return AddChild(1, std::exchange(leaf_sum, {}));
}

absl::Status TreeBuilder::State::AddChild(uint32_t level, TreeChild child) {
  if (level >= kMaxTreeDepth) {
    return absl::InternalError(
        absl::StrCat("entries need a tree deeper than ", kMaxTreeDepth));
  }
  if (levels.size() < level) levels.push_back(std::make_unique<Level>(level));
  Level& at = At(level);
  if (!at.exists && !at.held.has_value()) {
    at.held = std::move(child);
    return absl::OkStatus();
  }
  if (!at.exists) {
    at.exists = true;
    NS_RETURN_IF_ERROR(PushChild(level, *at.held));
    at.held.reset();
  }
  return PushChild(level, child);
}

absl::Status TreeBuilder::State::PushChild(uint32_t level,
                                           const TreeChild& child) {
  Level& at = At(level);
  if (at.draft.WouldOverflow(NodeDraft::ChildWeight(child), {&child.ref})) {
    NS_RETURN_IF_ERROR(EndNode(level));
  }
  if (at.draft.items() == 0) at.sum.first = child.first;
  at.draft.AddChild(child);
  at.sum.entries += child.entries;
  at.sum.file_bytes += child.file_bytes;
  return rule.EndsAfter(level, child.first) ? EndNode(level) : absl::OkStatus();
}

absl::Status TreeBuilder::State::EndNode(uint32_t level) {
  Level& at = At(level);
  NS_ASSIGN_OR_RETURN(at.sum.ref, at.draft.Seal(sealer, sink));
  return AddChild(level + 1, std::exchange(at.sum, {}));
}

TreeBuilder::TreeBuilder(const DomainKeys& keys, Sealer& sealer, NodeSink sink)
    : state_(std::make_unique<State>(keys, sealer, std::move(sink))) {}

TreeBuilder::~TreeBuilder() = default;

absl::Status TreeBuilder::Add(const PathKey& key, absl::string_view entry,
                              uint64_t file_bytes, const FileExtents& extents) {
  NS_CHECK(!state_->spent);
  const absl::Status status = state_->AddEntry(key, entry, file_bytes, extents);
  state_->spent = !status.ok();
  return status;
}

absl::StatusOr<ObjectRef> TreeBuilder::Finish() {
  NS_CHECK(!state_->spent);
  state_->spent = true;
  if (!state_->previous.has_value()) {
    return absl::FailedPreconditionError("a tree without entries");
  }
  if (state_->leaf.items() != 0) NS_RETURN_IF_ERROR(state_->EndLeaf());
  for (uint32_t level = 1;; ++level) {
    State::Level& at = state_->At(level);
    if (!at.exists) return at.held->ref;
    if (at.draft.items() != 0) NS_RETURN_IF_ERROR(state_->EndNode(level));
  }
}

}  // namespace nightsafe
