// Nodes written by hand, right or wrong, with their references in order.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "nightsafe/v1/format/node.pb.h"
#include "tests/unit/common/tree/tree_fixture.h"

namespace nightsafe {

class NodeCrafter {
 public:
  NodeCrafter(const DomainKeys& keys, NodeStore& store)
      : sealer_(keys), store_(store) {}

  // Fills in the key table for `refs`, in the order given, which is sorted.
  static void SetTable(const std::vector<ObjectRef>& refs,
                       v1::format::Node& node) {
    for (const ObjectRef& ref : refs) {
      AppendBytes(ref.key.view(), *node.mutable_keys());
      node.add_plain_lengths(ref.plain_length);
    }
  }
  static std::vector<ObjectRef> Sorted(std::vector<ObjectRef> refs) {
    std::sort(refs.begin(), refs.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    return refs;
  }
  static std::vector<ObjectId> Ids(const std::vector<ObjectRef>& refs) {
    std::vector<ObjectId> ids;
    for (const ObjectRef& ref : refs) ids.push_back(ref.id);
    return ids;
  }

  ObjectRef Put(v1::format::Node node, std::vector<ObjectRef> refs = {}) {
    refs = Sorted(std::move(refs));
    SetTable(refs, node);
    SealedObject object = sealer_
                              .Seal(ObjectKind::kNode, Ids(refs),
                                    AsBytes(node.SerializeAsString()))
                              .value();
    const ObjectRef ref = object.ref;
    store_.objects[ref.id] = std::move(object.bytes);
    return ref;
  }

  // A leaf of empty directories of these names in `path`.
  ObjectRef PutLeaf(const std::string& path,
                    const std::vector<std::string>& names) {
    v1::format::Node node;
    v1::format::DirectoryRun* run = node.mutable_leaf()->add_runs();
    run->set_path(path);
    for (const std::string& name : names) {
      run->add_entries(Directory({path, name}).entry.SerializeAsString());
      run->add_extents();
    }
    return Put(std::move(node));
  }

  ObjectRef PutInner(uint32_t level, const std::vector<TreeChild>& children) {
    std::vector<ObjectRef> refs;
    for (const TreeChild& child : children) {
      if (std::find(refs.begin(), refs.end(), child.ref) == refs.end()) {
        refs.push_back(child.ref);
      }
    }
    refs = Sorted(std::move(refs));
    v1::format::Node node;
    node.set_level(level);
    node.mutable_inner();
    for (const TreeChild& child : children) {
      v1::format::Child* stored = node.mutable_inner()->add_children();
      stored->set_object(static_cast<uint32_t>(
          std::find(refs.begin(), refs.end(), child.ref) - refs.begin() + 1));
      stored->set_first_path(child.first.directory);
      stored->set_first_name(child.first.name);
      stored->set_entries(child.entries);
      stored->set_file_bytes(child.file_bytes);
    }
    return Put(std::move(node), refs);
  }

 private:
  Sealer sealer_;
  NodeStore& store_;
};

}  // namespace nightsafe
