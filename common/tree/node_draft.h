// A node while it is filled: content, references, weight.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/object/sealer.h"
#include "common/tree/extent.h"
#include "common/tree/node.h"
#include "nightsafe/v1/format/node.pb.h"

namespace nightsafe {

// Takes each finished node, children before parents. An error ends the build.
using NodeSink = std::function<absl::Status(SealedObject)>;

class NodeDraft {
 public:
  explicit NodeDraft(uint32_t level) { node_.set_level(level); }

  size_t items() const { return items_; }

  // Whether adding this would pass a limit of the format (never for an empty
  // node). `objects`: what the item refers to.
  bool WouldOverflow(size_t item_weight,
                     const std::vector<const ObjectRef*>& objects) const;

  // Weights of items, references apart: never less than they take encoded.
  size_t EntryWeight(const PathKey& key, absl::string_view entry,
                     size_t inline_extents) const;
  static size_t ChildWeight(const TreeChild& child);

  // Level 0: an entry with its extents, or with the root of their subtree.
  void AddEntry(const PathKey& key, absl::string_view entry,
                const FileExtents& extents, const ObjectRef* subtree);
  void AddChild(const TreeChild& child);
  void AddExtent(const FileExtent& extent);
  void AddExtentChild(const ExtentChild& child);

  // Seals the node, gives it to `sink` and empties the draft.
  absl::StatusOr<ObjectRef> Seal(Sealer& sealer, const NodeSink& sink);

 private:
  // 1 + the provisional index, by order of addition.
  uint32_t Refer(const ObjectRef& ref);
  void SetExtent(const FileExtent& extent, v1::format::Extent* out);
  void RenumberBy(const std::vector<uint32_t>& numbers);

  v1::format::Node node_;
  std::vector<ObjectRef> refs_;
  absl::flat_hash_map<ObjectId, uint32_t> numbers_;
  size_t items_ = 0;
  size_t weight_ = 0;
};

}  // namespace nightsafe
