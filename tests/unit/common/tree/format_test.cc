// The worked example of common/tree/FORMAT.md and the frozen vectors.
#include <gtest/gtest.h>

#include "common/base/cursor.h"
#include "tests/support/source_files.h"
#include "tests/unit/common/tree/tree_fixture.h"

namespace nightsafe {
namespace {

using Values = std::map<std::string, std::string>;

ObjectRef RefOf(const Values& values, const std::string& name) {
  return {
      ObjectId::FromBytes(AsBytes(values.at(name + " id"))).value(),
      MessageKey::FromBytes(AsBytes(values.at(name + " key"))).value(),
      ByteCursor(AsBytes(values.at(name + " plain length"))).U32(),
  };
}

TEST(TreeFormat, WorkedExample) {
  const Values values = ReadFormatExample("common/tree/FORMAT.md");
  const DomainKeys keys(
      Secret32::FromBytes(AsBytes(values.at("domain secret"))).value());
  ObjectRef data = RefOf(values, "data");
  const std::vector<Listed> entries = {
      Directory({"", ""}), Directory({"", "a"}),
      File({"/a", "f"}, {{.object = data, .offset = 2, .length = 3},
                         {.hole = true, .length = 65536}})};
  EXPECT_EQ(entries[0].entry.SerializeAsString(), values.at("entry /"));
  EXPECT_EQ(entries[1].entry.SerializeAsString(), values.at("entry /a"));
  EXPECT_EQ(entries[2].entry.SerializeAsString(), values.at("entry /a/f"));
  NodeStore store;
  const ObjectRef root = BuildTree(keys, entries, store).value();
  EXPECT_EQ(root, RefOf(values, "root"));
  EXPECT_EQ(store.Fetch()(root)->plain, values.at("node"));
}

class TreeVectors : public testing::Test {
 protected:
  const Values values_ = ReadHexFile("tests/vectors/tree/values");
  const DomainKeys keys_ = TestDomainKeys();
  NodeStore store_;
};

// Items per node, u32 each, nodes in the order of their first items.
void CountItems(NodeStore& store, const ObjectRef& ref, std::string& leaves,
                std::string& inner) {
  const TreeNode node = FetchTreeNode(store.Fetch(), ref).value();
  PutU32(static_cast<uint32_t>(node.size()), node.level == 0 ? leaves : inner);
  for (const TreeChild& child : node.children) {
    CountItems(store, child.ref, leaves, inner);
  }
}

void CountExtents(NodeStore& store, const ObjectRef& ref, std::string& leaves) {
  const ExtentTreeNode node = FetchExtentNode(store.Fetch(), ref).value();
  if (node.level == 0) PutU32(static_cast<uint32_t>(node.size()), leaves);
  for (const ExtentChild& child : node.children) {
    CountExtents(store, child.ref, leaves);
  }
}

TEST_F(TreeVectors, NodesEndWhereTheyDid) {
  const ObjectRef root = BuildTree(keys_, ManyFiles(20000), store_).value();
  std::string leaves, inner;
  CountItems(store_, root, leaves, inner);
  EXPECT_EQ(leaves, values_.at("entries per leaf"));
  EXPECT_EQ(inner, values_.at("children per inner node"));
}

TEST_F(TreeVectors, ExtentNodesEndWhereTheyDid) {
  FileExtents extents;
  for (uint64_t i = 0; i < 5000; ++i) {
    extents.push_back({.object = DataRef(i), .length = 1 << 20});
    if (i % 10 == 0) extents.push_back({.hole = true, .length = 1 << 20});
  }
  const ObjectRef root =
      BuildTree(keys_, {File({"", "image"}, extents)}, store_).value();
  TreeCursor cursor(root, store_.Fetch());
  const TreeEntry entry = cursor.Find({"", "image"}).value();
  std::string leaves;
  CountExtents(store_, entry.subtree.value(), leaves);
  EXPECT_EQ(leaves, values_.at("extents per leaf"));
  EXPECT_EQ(root, RefOf(values_, "image root"))
      << "other ids with the same nodes: see ObjectVectors for libzstd";
}

TEST_F(TreeVectors, AnOldTreeIsRead) {
  for (int i = 0; values_.contains(absl::StrCat("small node ", i)); ++i) {
    const std::string& object = values_.at(absl::StrCat("small node ", i));
    store_.objects[ObjectIdOf(AsBytes(object))] = object;
  }
  const std::vector<Listed> expected = ManyFiles(150);
  TreeCursor cursor(RefOf(values_, "small root"), store_.Fetch());
  for (const Listed& listed : expected) {
    absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
    ASSERT_TRUE(entry.ok()) << entry.status();
    ASSERT_TRUE(entry->has_value());
    EXPECT_EQ((*entry)->key, listed.key);
    EXPECT_EQ((*entry)->extents, listed.extents);
    EXPECT_EQ((*entry)->entry_bytes, listed.entry.SerializeAsString());
  }
  EXPECT_FALSE(cursor.Next()->has_value());
}

}  // namespace
}  // namespace nightsafe
