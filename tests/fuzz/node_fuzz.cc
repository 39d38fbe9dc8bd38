// A number of references (one byte), then any bytes as a node's plaintext: what
// is decoded keeps the rules that readers rely on.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/tree/node.h"

namespace {

using namespace nightsafe;

void CheckTreeNode(const TreeNode& node) {
  NS_CHECK(node.size() > 0);
  const PathKey* previous = nullptr;
  const auto check_key = [&](const PathKey& key) {
    NS_CHECK(IsValidPathKey(key.directory, key.name));
    NS_CHECK(previous == nullptr || *previous < key);
    previous = &key;
  };
  for (const TreeEntry& entry : node.entries) {
    check_key(entry.key);
    NS_CHECK(CheckEntry(entry.entry).ok());
    for (const FileExtent& extent : entry.extents) {
      NS_CHECK(CheckExtent(extent).ok());
    }
  }
  for (const TreeChild& child : node.children) check_key(child.first);
}

void CheckExtentNode(const ExtentTreeNode& node) {
  NS_CHECK(node.size() > 0);
  uint64_t length = 0;
  for (const FileExtent& extent : node.extents) {
    NS_CHECK(CheckExtent(extent).ok());
    length += extent.length;
  }
  for (const ExtentChild& child : node.children) length += child.length;
  NS_CHECK(length == node.length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  FetchedNode fetched;
  for (uint8_t i = 0; i < data[0]; ++i) {
    ObjectId id;
    id.bytes[0] = std::byte{i};
    fetched.refs.push_back(id);
  }
  fetched.plain.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto tree = DecodeTreeNode(fetched);
  const auto extents = DecodeExtentNode(fetched);
  NS_CHECK(!tree.ok() || !extents.ok());
  if (tree.ok()) CheckTreeNode(*tree);
  if (extents.ok()) CheckExtentNode(*extents);
  return 0;
}
