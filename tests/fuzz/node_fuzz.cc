// A number of references (one byte), then any bytes as a node's plaintext: what
// is decoded keeps the rules that readers rely on, and is the same after it was
// written anew.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/tree/node.h"
#include "common/tree/node_draft.h"
#include "tests/support/domain_fixture.h"

namespace {

using namespace nightsafe;

bool SameEntry(const TreeEntry& a, const TreeEntry& b) {
  return a.key == b.key && a.entry_bytes == b.entry_bytes &&
         a.extents == b.extents && a.subtree == b.subtree;
}

bool SameChild(const TreeChild& a, const TreeChild& b) {
  return a.ref == b.ref && a.first == b.first && a.entries == b.entries &&
         a.file_bytes == b.file_bytes;
}

// What the draft's object holds when it is fetched.
FetchedNode SealAndOpen(NodeDraft& draft) {
  static const DomainKeys keys = TestDomainKeys();
  static Sealer sealer(keys);
  static Opener opener;
  FetchedNode fetched;
  const auto ref = draft.Seal(sealer, [&](const SealedObject& object) {
    const auto view = ParseObject(AsBytes(object.bytes));
    NS_CHECK(view.ok());
    for (size_t i = 0; i < view->ref_count(); ++i) {
      fetched.refs.push_back(view->ref(i));
    }
    fetched.plain = opener.Open(AsBytes(object.bytes), object.ref).value();
    return absl::OkStatus();
  });
  NS_CHECK(ref.ok());
  return fetched;
}

void WriteAnew(const TreeNode& node) {
  NodeDraft draft(node.level);
  for (const TreeEntry& entry : node.entries) {
    draft.AddEntry(entry.key, entry.entry_bytes, entry.extents,
                   entry.subtree ? &*entry.subtree : nullptr);
  }
  for (const TreeChild& child : node.children) draft.AddChild(child);
  const auto again = DecodeTreeNode(SealAndOpen(draft));
  NS_CHECK(again.ok() && again->level == node.level);
  NS_CHECK(again->entry_count == node.entry_count);
  NS_CHECK(again->file_bytes == node.file_bytes);
  NS_CHECK(std::equal(again->entries.begin(), again->entries.end(),
                      node.entries.begin(), node.entries.end(), SameEntry));
  NS_CHECK(std::equal(again->children.begin(), again->children.end(),
                      node.children.begin(), node.children.end(), SameChild));
}

void WriteAnew(const ExtentTreeNode& node) {
  NodeDraft draft(node.level);
  for (const FileExtent& extent : node.extents) draft.AddExtent(extent);
  for (const ExtentChild& child : node.children) draft.AddExtentChild(child);
  const auto again = DecodeExtentNode(SealAndOpen(draft));
  NS_CHECK(again.ok() && again->level == node.level);
  NS_CHECK(again->length == node.length && again->extents == node.extents);
  NS_CHECK(again->children.size() == node.children.size());
  for (size_t i = 0; i < node.children.size(); ++i) {
    NS_CHECK(again->children[i].ref == node.children[i].ref);
    NS_CHECK(again->children[i].length == node.children[i].length);
  }
}

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
  WriteAnew(node);
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
  WriteAnew(node);
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
