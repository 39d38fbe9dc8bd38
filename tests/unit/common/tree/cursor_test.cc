#include "common/tree/cursor.h"

#include <gtest/gtest.h>

#include <random>

#include "common/base/limits.h"
#include "tests/unit/common/tree/crafted_nodes.h"

namespace nightsafe {
namespace {

class TreeCursorTest : public testing::Test {
 protected:
  // Reads everything; how it ended.
  absl::Status ReadAll(const ObjectRef& root) {
    TreeCursor cursor(root, store_.Fetch());
    for (;;) {
      absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
      if (!entry.ok()) return entry.status();
      if (!entry->has_value()) return absl::OkStatus();
    }
  }
  absl::Status ReadSubtree(const ObjectRef& root, uint64_t size_bytes,
                           uint64_t* taken = nullptr) {
    TreeEntry entry;
    entry.entry.set_type(v1::format::REGULAR);
    entry.entry.set_size_bytes(size_bytes);
    entry.subtree = root;
    uint64_t sum = 0;
    const absl::Status status =
        ReadExtents(entry, store_.Fetch(), [&](const FileExtent& extent) {
          sum += extent.length;
          EXPECT_LE(sum, size_bytes);
          return absl::OkStatus();
        });
    if (taken != nullptr) *taken = sum;
    return status;
  }

  const DomainKeys keys_ = TestDomainKeys();
  NodeStore store_;
  NodeCrafter crafter_{keys_, store_};
};

TEST_F(TreeCursorTest, SeeksToTheFirstEntryNotBefore) {
  const std::vector<Listed> entries = ManyFiles(10000);
  const ObjectRef root = BuildTree(keys_, entries, store_).value();
  TreeCursor cursor(root, store_.Fetch());
  const unsigned seed = 5;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    const size_t at = random() % entries.size();
    PathKey key = entries[at].key;
    size_t expected = at;
    if (random() % 2 == 0 && !key.name.empty()) {
      key.name += "x";
      ++expected;
    }
    ASSERT_TRUE(cursor.Seek(key).ok());
    for (size_t i = expected; i < std::min(expected + 300, entries.size());
         ++i) {
      absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
      ASSERT_TRUE(entry.ok()) << entry.status();
      ASSERT_TRUE(entry->has_value());
      ASSERT_EQ((*entry)->key, entries[i].key);
    }
  }
  ASSERT_TRUE(cursor.Seek({"/zzz", "z"}).ok());
  EXPECT_FALSE(cursor.Next()->has_value());
  EXPECT_FALSE(cursor.Next()->has_value());
  ASSERT_TRUE(cursor.Seek({}).ok());
  EXPECT_EQ(cursor.Next().value()->key, PathKey{});
}

TEST_F(TreeCursorTest, FindsExactlyOneEntry) {
  const ObjectRef root = BuildTree(keys_, ManyFiles(3000), store_).value();
  TreeCursor cursor(root, store_.Fetch());
  EXPECT_EQ(cursor.Find({"/d1000007", "f1000145"})->entry.size_bytes(), 1000u);
  EXPECT_EQ(cursor.Find({"", ""})->entry.type(), v1::format::DIRECTORY);
  const absl::Status missing = cursor.Find({"/d1000007", "none"}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("/d1000007/none"), std::string::npos);
}

TEST_F(TreeCursorTest, ListingOneOfAMillionEntriesTakesFewFetches) {
  ObjectRef root;
  {
    Sealer sealer(keys_);
    TreeBuilder builder(keys_, sealer, store_.Sink());
    for (uint64_t i = 0; i < 1000000; ++i) {
      const Listed file = SmallFile({absl::StrCat("/d", 1000000 + i / 20),
                                     absl::StrCat("f", 1000000 + i)},
                                    i);
      ASSERT_TRUE(builder
                      .Add(file.key, file.entry.SerializeAsString(),
                           FileBytes(file.entry), file.extents)
                      .ok());
    }
    root = builder.Finish().value();
  }
  for (uint64_t directory : {0u, 12345u, 25000u, 49999u}) {
    TreeCursor cursor(root, store_.Fetch());
    store_.fetches = 0;
    const std::string path = absl::StrCat("/d", 1000000 + directory);
    ASSERT_TRUE(cursor.Seek({path, ""}).ok());
    size_t listed = 0;
    for (;;) {
      absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
      ASSERT_TRUE(entry.ok()) << entry.status();
      if (!entry->has_value() || (*entry)->key.directory != path) break;
      ++listed;
    }
    EXPECT_EQ(listed, 20u);
    EXPECT_LE(store_.fetches, 6u);
  }
}

TEST_F(TreeCursorTest, ErrorsOfFetchPassThroughAndMayBeRetried) {
  const std::vector<Listed> entries = ManyFiles(3000);
  const ObjectRef root = BuildTree(keys_, entries, store_).value();
  const NodeFetch fetch = store_.Fetch();
  int calls = 0;
  TreeCursor cursor(root,
                    [&](const ObjectRef& ref) -> absl::StatusOr<FetchedNode> {
                      if (++calls % 2 != 0)
                        return absl::UnavailableError("try again");
                      return fetch(ref);
                    });
  for (size_t i = 0; i < entries.size();) {
    absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
    if (entry.ok()) {
      ASSERT_EQ((*entry)->key, entries[i++].key);
    } else {
      ASSERT_EQ(entry.status().code(), absl::StatusCode::kUnavailable);
    }
  }
  PathKey key = entries[1000].key;
  absl::Status sought = cursor.Seek(key);
  EXPECT_EQ(sought.code(), absl::StatusCode::kUnavailable);
  while (!sought.ok()) {
    absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
    sought = entry.status();
    if (entry.ok()) {
      EXPECT_EQ((*entry)->key, key);
    }
  }
}

TEST_F(TreeCursorTest, ClaimsOfTheParentAreChecked) {
  const ObjectRef a = crafter_.PutLeaf("/x", {"a", "b"});
  const ObjectRef c = crafter_.PutLeaf("/x", {"c", "d"});
  const TreeChild first = {a, {"/x", "a"}, 2, 0};
  const TreeChild second = {c, {"/x", "c"}, 2, 0};
  const auto read = [&](std::vector<TreeChild> children, uint32_t level = 1) {
    return ReadAll(crafter_.PutInner(level, children)).code();
  };
  EXPECT_EQ(read({first, second}), absl::StatusCode::kOk);
  EXPECT_EQ(read({first, second}, 2), absl::StatusCode::kDataLoss);
  EXPECT_EQ(read({second, first}), absl::StatusCode::kDataLoss);
  EXPECT_EQ(read({first, first}), absl::StatusCode::kDataLoss);
  TreeChild wrong = first;
  wrong.entries = 3;
  EXPECT_EQ(read({wrong, second}), absl::StatusCode::kDataLoss);
  wrong = first;
  wrong.file_bytes = 1;
  EXPECT_EQ(read({wrong, second}), absl::StatusCode::kDataLoss);
  wrong = first;
  wrong.first.name = "aa";
  EXPECT_EQ(read({wrong, second}), absl::StatusCode::kDataLoss);
  wrong = second;
  wrong.ref.plain_length += 1;
  EXPECT_EQ(read({first, wrong}), absl::StatusCode::kDataLoss);
  wrong = second;
  wrong.ref.key.bytes[0] ^= std::byte{1};
  EXPECT_EQ(read({first, wrong}), absl::StatusCode::kDataLoss);
}

TEST_F(TreeCursorTest, ANodeMayNotReachIntoItsNeighbour) {
  const ObjectRef a = crafter_.PutLeaf("/x", {"a", "z"});
  const ObjectRef c = crafter_.PutLeaf("/x", {"c", "d"});
  EXPECT_EQ(ReadAll(crafter_.PutInner(
                        1, {{a, {"/x", "a"}, 2, 0}, {c, {"/x", "c"}, 2, 0}}))
                .code(),
            absl::StatusCode::kDataLoss);
  // Nor its grandparent's other child.
  const ObjectRef inner = crafter_.PutInner(1, {{a, {"/x", "a"}, 2, 0}});
  const ObjectRef other = crafter_.PutInner(1, {{c, {"/x", "c"}, 2, 0}});
  const ObjectRef root = crafter_.PutInner(
      2, {{inner, {"/x", "a"}, 2, 0}, {other, {"/x", "c"}, 2, 0}});
  EXPECT_EQ(ReadAll(root).code(), absl::StatusCode::kDataLoss);
  // A seek that never visits the neighbour finds out, too.
  TreeCursor cursor(root, store_.Fetch());
  EXPECT_EQ(cursor.Seek({"/x", "a"}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(TreeCursorTest, DepthIsLimited) {
  ObjectRef ref = crafter_.PutLeaf("", {"a"});
  for (uint32_t level = 1; level < kMaxTreeDepth; ++level) {
    ref = crafter_.PutInner(level, {{ref, {"", "a"}, 1, 0}});
  }
  EXPECT_TRUE(ReadAll(ref).ok());
  ref = crafter_.PutInner(kMaxTreeDepth, {{ref, {"", "a"}, 1, 0}});
  EXPECT_EQ(ReadAll(ref).code(), absl::StatusCode::kDataLoss);
}

class ExtentSubtreeTest : public TreeCursorTest {
 protected:
  ObjectRef PutHole(uint64_t length) {
    v1::format::Node node;
    node.mutable_extents()->add_extents()->set_length(length);
    return crafter_.Put(node);
  }
  // A node with the same child `times` over.
  ObjectRef PutRepeated(uint32_t level, const ObjectRef& child, int times,
                        uint64_t length_each) {
    v1::format::Node node;
    node.set_level(level);
    for (int i = 0; i < times; ++i) {
      auto* stored = node.mutable_extents()->add_children();
      stored->set_object(1);
      stored->set_length(length_each);
    }
    return crafter_.Put(node, {child});
  }
};

TEST_F(ExtentSubtreeTest, LengthsMustAddUp) {
  const ObjectRef hole = PutHole(100);
  EXPECT_TRUE(ReadSubtree(hole, 100).ok());
  EXPECT_EQ(ReadSubtree(hole, 99).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadSubtree(hole, 101).code(), absl::StatusCode::kDataLoss);
  const ObjectRef pair = PutRepeated(1, hole, 2, 100);
  uint64_t taken = 0;
  EXPECT_TRUE(ReadSubtree(pair, 200, &taken).ok());
  EXPECT_EQ(taken, 200u);
  EXPECT_EQ(ReadSubtree(PutRepeated(1, hole, 2, 99), 198).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadSubtree(PutRepeated(2, hole, 1, 100), 100).code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ExtentSubtreeTest, AGraphOfManyPathsEndsWithTheFile) {
  // 1,000^10 paths that each claim little, under a root that claims a file of
  // 5,000 bytes; whatever the levels between claim, it ends at once.
  ObjectRef ref = PutHole(1);
  for (uint32_t level = 1; level <= 10; ++level) {
    ref = PutRepeated(level, ref, 1000, 5);
  }
  store_.fetches = 0;
  EXPECT_EQ(ReadSubtree(ref, 5000).code(), absl::StatusCode::kDataLoss);
  EXPECT_LT(store_.fetches, 100u);
  // Honest lengths: 1,024^2 bytes, no more.
  ref = PutRepeated(2, PutRepeated(1, PutHole(1), 1024, 1), 16, 1024);
  uint64_t taken = 0;
  EXPECT_TRUE(ReadSubtree(ref, 16384, &taken).ok());
  EXPECT_EQ(taken, 16384u);
}

TEST_F(ExtentSubtreeTest, OnlyReadableFilesHaveExtents) {
  TreeEntry entry;
  entry.entry.set_type(v1::format::REGULAR);
  entry.entry.set_size_bytes(7);
  const auto read = [&] {
    return ReadExtents(entry, store_.Fetch(),
                       [](const FileExtent&) { return absl::OkStatus(); })
        .code();
  };
  EXPECT_EQ(read(), absl::StatusCode::kDataLoss);
  entry.entry.set_unreadable(true);
  EXPECT_EQ(read(), absl::StatusCode::kOk);
  entry.extents = {{.hole = true, .length = 7}};
  EXPECT_EQ(read(), absl::StatusCode::kDataLoss);
  entry.entry.set_unreadable(false);
  EXPECT_EQ(read(), absl::StatusCode::kOk);
  entry.entry.set_type(v1::format::DIRECTORY);
  EXPECT_EQ(read(), absl::StatusCode::kDataLoss);
}

TEST_F(ExtentSubtreeTest, AnErrorOfTakeEndsTheReading) {
  TreeEntry entry;
  entry.entry.set_type(v1::format::REGULAR);
  entry.entry.set_size_bytes(200);
  entry.subtree = PutRepeated(1, PutHole(100), 2, 100);
  int taken = 0;
  EXPECT_EQ(ReadExtents(entry, store_.Fetch(),
                        [&](const FileExtent&) {
                          ++taken;
                          return absl::ResourceExhaustedError("disk full");
                        })
                .code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(taken, 1);
}

}  // namespace
}  // namespace nightsafe
