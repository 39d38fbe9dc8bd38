#include "common/tree/extent_tree.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

void AddTo(NodeDraft& draft, const FileExtent& extent) {
  draft.AddExtent(extent);
}
void AddTo(NodeDraft& draft, const ExtentChild& child) {
  draft.AddExtentChild(child);
}

// A hole never ends a node: all holes look the same, so either each would or
// none.
bool Ends(const BoundaryRule& rule, uint32_t level, const FileExtent& extent) {
  return !extent.hole && rule.EndsAfter(level, extent.object.id);
}
bool Ends(const BoundaryRule& rule, uint32_t level, const ExtentChild& child) {
  return rule.EndsAfter(level, child.ref.id);
}

template <typename Item>
absl::StatusOr<std::vector<ExtentChild>> BuildLevel(
    uint32_t level, const std::vector<Item>& items, const BoundaryRule& rule,
    Sealer& sealer, const NodeSink& sink) {
  std::vector<ExtentChild> nodes;
  NodeDraft draft(level);
  uint64_t length = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    AddTo(draft, items[i]);
    length += items[i].length;
    if (i + 1 == items.size() || draft.items() == kMaxExtentsPerNode ||
        Ends(rule, level, items[i])) {
      NS_ASSIGN_OR_RETURN(const ObjectRef ref, draft.Seal(sealer, sink));
      nodes.push_back({ref, length});
      length = 0;
    }
  }
  return nodes;
}

}  // namespace

absl::StatusOr<ObjectRef> BuildExtentTree(const FileExtents& extents,
                                          const BoundaryRule& rule,
                                          Sealer& sealer,
                                          const NodeSink& sink) {
  NS_CHECK(!extents.empty());
  uint32_t level = 0;
  NS_ASSIGN_OR_RETURN(std::vector<ExtentChild> nodes,
                      BuildLevel(level, extents, rule, sealer, sink));
  while (nodes.size() > 1) {
    if (++level == kMaxTreeDepth) {
      return absl::InternalError(
          absl::StrCat("extents need a tree deeper than ", kMaxTreeDepth));
    }
    NS_ASSIGN_OR_RETURN(nodes, BuildLevel(level, nodes, rule, sealer, sink));
  }
  return nodes.front().ref;
}

}  // namespace nightsafe
