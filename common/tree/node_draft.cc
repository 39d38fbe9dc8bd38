#include "common/tree/node_draft.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/tree/boundary.h"

namespace nightsafe {
namespace {

// FORMAT.md, "Weight".
constexpr size_t kRefWeight = 36;
constexpr size_t kRunWeight = 16;
constexpr size_t kEntryWeight = 16;
constexpr size_t kExtentWeight = 24;
constexpr size_t kChildWeight = 48;

}  // namespace

bool NodeDraft::WouldOverflow(
    size_t item_weight, const std::vector<const ObjectRef*>& objects) const {
  if (items_ == 0) return false;
  size_t added = 0;
  for (size_t i = 0; i < objects.size(); ++i) {
    const ObjectId& id = objects[i]->id;
    const bool repeated = std::any_of(
        objects.begin(), objects.begin() + static_cast<ptrdiff_t>(i),
        [&](const ObjectRef* other) { return other->id == id; });
    if (!repeated && !numbers_.contains(id)) ++added;
  }
  return items_ + 1 > kMaxNodeEntries ||
         refs_.size() + added > kMaxObjectRefs ||
         weight_ + item_weight + added * kRefWeight > kMaxNodeWeight;
}

size_t NodeDraft::EntryWeight(const PathKey& key, absl::string_view entry,
                              size_t inline_extents) const {
  const auto& runs = node_.leaf().runs();
  const bool new_run = runs.empty() || runs.rbegin()->path() != key.directory;
  return (new_run ? kRunWeight + key.directory.size() : 0) + kEntryWeight +
         entry.size() + inline_extents * kExtentWeight;
}

size_t NodeDraft::ChildWeight(const TreeChild& child) {
  return kChildWeight + child.first.directory.size() + child.first.name.size();
}

void NodeDraft::AddEntry(const PathKey& key, absl::string_view entry,
                         const FileExtents& extents, const ObjectRef* subtree) {
  weight_ += EntryWeight(key, entry, subtree == nullptr ? extents.size() : 0);
  auto* runs = node_.mutable_leaf()->mutable_runs();
  if (runs->empty() || runs->rbegin()->path() != key.directory) {
    runs->Add()->set_path(key.directory);
  }
  v1::format::DirectoryRun& run = *runs->rbegin();
  run.add_entries(entry.data(), entry.size());
  v1::format::Extents* stored = run.add_extents();
  if (subtree != nullptr) {
    stored->set_subtree(Refer(*subtree));
  } else {
    for (const FileExtent& extent : extents) {
      SetExtent(extent, stored->add_inline_());
    }
  }
  ++items_;
}

void NodeDraft::AddChild(const TreeChild& child) {
  weight_ += ChildWeight(child);
  v1::format::Child* stored = node_.mutable_inner()->add_children();
  stored->set_object(Refer(child.ref));
  stored->set_first_path(child.first.directory);
  stored->set_first_name(child.first.name);
  stored->set_entries(child.entries);
  stored->set_file_bytes(child.file_bytes);
  ++items_;
}

void NodeDraft::AddExtent(const FileExtent& extent) {
  SetExtent(extent, node_.mutable_extents()->add_extents());
  ++items_;
}

void NodeDraft::AddExtentChild(const ExtentChild& child) {
  v1::format::ExtentChild* stored = node_.mutable_extents()->add_children();
  stored->set_object(Refer(child.ref));
  stored->set_length(child.length);
  ++items_;
}

uint32_t NodeDraft::Refer(const ObjectRef& ref) {
  const auto next = static_cast<uint32_t>(refs_.size() + 1);
  const auto [found, added] = numbers_.try_emplace(ref.id, next);
  if (added) {
    refs_.push_back(ref);
    weight_ += kRefWeight;
  }
  return found->second;
}

void NodeDraft::SetExtent(const FileExtent& extent, v1::format::Extent* out) {
  if (!extent.hole) {
    out->set_object(Refer(extent.object));
    out->set_offset(extent.offset);
  }
  out->set_length(extent.length);
}

void NodeDraft::RenumberBy(const std::vector<uint32_t>& numbers) {
  const auto renumber = [&](auto* stored) {
    if (stored->object() != 0) {
      stored->set_object(numbers[stored->object() - 1]);
    }
  };
  if (node_.has_leaf()) {
    for (v1::format::DirectoryRun& run :
         *node_.mutable_leaf()->mutable_runs()) {
      for (v1::format::Extents& extents : *run.mutable_extents()) {
        for (v1::format::Extent& extent : *extents.mutable_inline_()) {
          renumber(&extent);
        }
        if (extents.subtree() != 0) {
          extents.set_subtree(numbers[extents.subtree() - 1]);
        }
      }
    }
  } else if (node_.has_inner()) {
    for (v1::format::Child& child :
         *node_.mutable_inner()->mutable_children()) {
      renumber(&child);
    }
  } else {
    for (auto& extent : *node_.mutable_extents()->mutable_extents()) {
      renumber(&extent);
    }
    for (auto& child : *node_.mutable_extents()->mutable_children()) {
      renumber(&child);
    }
  }
}

absl::StatusOr<ObjectRef> NodeDraft::Seal(Sealer& sealer,
                                          const NodeSink& sink) {
  NS_CHECK(items_ != 0);
  std::vector<uint32_t> order(refs_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return refs_[a].id < refs_[b].id; });
  std::vector<uint32_t> numbers(refs_.size());
  std::vector<ObjectId> ids;
  for (uint32_t i = 0; i < order.size(); ++i) {
    const ObjectRef& ref = refs_[order[i]];
    numbers[order[i]] = i + 1;
    ids.push_back(ref.id);
    AppendBytes(ref.key.view(), *node_.mutable_keys());
    node_.add_plain_lengths(ref.plain_length);
  }
  RenumberBy(numbers);
  // No map fields: the order of the bytes is that of the field numbers.
  const std::string plain = node_.SerializeAsString();
  NS_ASSIGN_OR_RETURN(SealedObject object,
                      sealer.Seal(ObjectKind::kNode, ids, AsBytes(plain)));
  const ObjectRef ref = object.ref;
  *this = NodeDraft(node_.level());
  NS_RETURN_IF_ERROR(sink(std::move(object)));
  return ref;
}

}  // namespace nightsafe
