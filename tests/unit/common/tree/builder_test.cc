#include "common/tree/builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "common/base/limits.h"
#include "common/tree/boundary.h"
#include "tests/unit/common/tree/tree_fixture.h"

namespace nightsafe {
namespace {

size_t NewNodes(const NodeStore& before, const NodeStore& after) {
  return static_cast<size_t>(std::count_if(
      after.objects.begin(), after.objects.end(),
      [&](const auto& node) { return !before.objects.contains(node.first); }));
}

std::vector<Listed> ReadAll(const ObjectRef& root, NodeStore& store) {
  std::vector<Listed> entries;
  TreeCursor cursor(root, store.Fetch());
  for (;;) {
    absl::StatusOr<std::optional<TreeEntry>> entry = cursor.Next();
    EXPECT_TRUE(entry.ok()) << entry.status();
    if (!entry.ok() || !entry->has_value()) return entries;
    Listed listed{.key = (*entry)->key, .entry = (*entry)->entry};
    EXPECT_EQ((*entry)->entry_bytes, listed.entry.SerializeAsString());
    const absl::Status read =
        ReadExtents(**entry, store.Fetch(), [&](const FileExtent& extent) {
          listed.extents.push_back(extent);
          return absl::OkStatus();
        });
    EXPECT_TRUE(read.ok()) << read;
    entries.push_back(std::move(listed));
  }
}

void ExpectSame(const std::vector<Listed>& a, const std::vector<Listed>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].key, b[i].key);
    ASSERT_EQ(a[i].entry.SerializeAsString(), b[i].entry.SerializeAsString());
    ASSERT_EQ(a[i].extents, b[i].extents);
  }
}

class TreeBuilderTest : public testing::Test {
 protected:
  absl::StatusCode AddCode(const Listed& listed, uint64_t file_bytes) {
    Sealer sealer(keys_);
    TreeBuilder builder(keys_, sealer, store_.Sink());
    return builder
        .Add(listed.key, listed.entry.SerializeAsString(), file_bytes,
             listed.extents)
        .code();
  }
  absl::StatusCode AddCode(const Listed& listed) {
    return AddCode(listed, FileBytes(listed.entry));
  }

  const DomainKeys keys_ = TestDomainKeys();
  NodeStore store_;
};

TEST_F(TreeBuilderTest, RoundTripOfEverySize) {
  for (uint64_t count : {0u, 1u, 2u, 100u, 129u, 3000u, 20000u}) {
    NodeStore store;
    const std::vector<Listed> entries = ManyFiles(count);
    const ObjectRef root = BuildTree(keys_, entries, store).value();
    ExpectSame(ReadAll(root, store), entries);
    EXPECT_EQ(store.fetches, store.objects.size()) << "a node without use";
    EXPECT_EQ(store.order.size(), store.objects.size());
    EXPECT_EQ(store.order.back(), root.id);
  }
}

TEST_F(TreeBuilderTest, RoundTripOfRandomTrees) {
  const unsigned seed = 99;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 25; ++round) {
    std::map<PathKey, Listed> entries;
    for (size_t i = random() % 2000; i > 0; --i) {
      const PathKey key{random() % 4 == 0 ? ""
                                          : absl::StrCat("/", random() % 9, "/",
                                                         random() % 9),
                        absl::StrCat("n", random() % 5000)};
      FileExtents extents;
      for (size_t e = random() % 8 == 0 ? random() % 300 : random() % 4; e > 0;
           --e) {
        if (random() % 5 == 0) {
          extents.push_back({.hole = true, .length = random() + uint64_t{1}});
        } else {
          extents.push_back({.object = DataRef(random() % 5000),
                             .offset = static_cast<uint32_t>(random() % 1000),
                             .length = random() % 1000 + 1});
        }
      }
      entries[key] = File(key, extents);
    }
    if (entries.empty()) continue;
    std::vector<Listed> list;
    for (const auto& [key, listed] : entries) list.push_back(listed);
    NodeStore store;
    const ObjectRef root = BuildTree(keys_, list, store).value();
    ExpectSame(ReadAll(root, store), list);
    EXPECT_EQ(store.fetches, store.objects.size());
  }
}

TEST_F(TreeBuilderTest, DependsOnEntriesAndDomainOnly) {
  const std::vector<Listed> entries = ManyFiles(5000);
  NodeStore again, other;
  const ObjectRef root = BuildTree(keys_, entries, store_).value();
  EXPECT_EQ(BuildTree(keys_, entries, again).value(), root);
  EXPECT_EQ(again.objects, store_.objects);
  EXPECT_NE(BuildTree(TestDomainKeys('o'), entries, other).value(), root);
  EXPECT_EQ(NewNodes(store_, other), other.objects.size());
}

TEST_F(TreeBuilderTest, ChildrenComeBeforeParents) {
  ASSERT_TRUE(BuildTree(keys_, ManyFiles(20000), store_).ok());
  std::set<ObjectId> seen;
  for (const ObjectId& id : store_.order) {
    const ObjectView view = ParseObject(AsBytes(store_.objects.at(id))).value();
    for (size_t i = 0; i < view.ref_count(); ++i) {
      EXPECT_TRUE(!store_.objects.contains(view.ref(i)) ||
                  seen.contains(view.ref(i)));
    }
    seen.insert(id);
  }
}

TEST_F(TreeBuilderTest, OneChangedEntryChangesAHandfulOfNodes) {
  const std::vector<Listed> entries = ManyFiles(50000);
  ASSERT_TRUE(BuildTree(keys_, entries, store_).ok());
  const unsigned seed = 11;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 9; ++round) {
    std::vector<Listed> changed = entries;
    const auto at = changed.begin() + 1 +
                    static_cast<ptrdiff_t>(random() % (entries.size() - 1));
    if (round % 3 == 0) {
      at->entry.set_mtime_seconds(12345);
    } else if (round % 3 == 1) {
      changed.erase(at);
    } else {
      changed.insert(
          at + 1, SmallFile({at->key.directory, at->key.name + "x"}, 1000000));
    }
    NodeStore after;
    const ObjectRef root = BuildTree(keys_, changed, after).value();
    ExpectSame(ReadAll(root, after), changed);
    EXPECT_LE(NewNodes(store_, after), 8u) << "round " << round;
  }
}

TEST_F(TreeBuilderTest, ForcedCutsHealAtTheNextBoundary) {
  // Entries so large that weight ends most nodes.
  std::vector<Listed> entries;
  for (int i = 0; i < 2000; ++i) {
    entries.push_back(SmallFile({"", absl::StrCat("f", 10000 + i)}, 1));
    v1::format::Xattr* xattr = entries.back().entry.add_xattrs();
    xattr->set_name("user.large");
    xattr->set_value(PseudoRandomBytes(30000, static_cast<uint64_t>(i)));
  }
  ASSERT_TRUE(BuildTree(keys_, entries, store_).ok());
  EXPECT_GT(store_.objects.size(), 2000u * 30000 / kMaxNodeWeight);
  for (const auto& [id, bytes] : store_.objects) {
    EXPECT_LE(bytes.size(), kMaxNodeWeight + kMaxNodeWeight / 16);
  }
  std::vector<Listed> changed = entries;
  changed.erase(changed.begin() + 1000);
  NodeStore after;
  const ObjectRef root = BuildTree(keys_, changed, after).value();
  ExpectSame(ReadAll(root, after), changed);
  // 128 entries to the next boundary on average are 8 nodes.
  EXPECT_LT(NewNodes(store_, after), 60u);
}

TEST_F(TreeBuilderTest, NodesKeepTheLimitOfReferences) {
  std::vector<Listed> entries;
  for (uint64_t i = 0; i < 6000; ++i) {
    FileExtents extents;
    for (uint64_t e = 0; e < kMaxInlineExtents; ++e) {
      extents.push_back({.object = DataRef(i * 8 + e), .length = 5});
    }
    entries.push_back(File({"", absl::StrCat("f", 10000 + i)}, extents));
  }
  const ObjectRef root = BuildTree(keys_, entries, store_).value();
  ExpectSame(ReadAll(root, store_), entries);
}

TEST_F(TreeBuilderTest, ExtentSubtreesKeepTheirUnchangedPart) {
  FileExtents extents;
  for (uint64_t i = 0; i < 30000; ++i) {
    extents.push_back({.object = DataRef(i), .length = 1 << 20});
  }
  const auto tree_of = [&](NodeStore& store) {
    const std::vector<Listed> entries = {File({"", "image"}, extents)};
    const ObjectRef root = BuildTree(keys_, entries, store).value();
    ExpectSame(ReadAll(root, store), entries);
    EXPECT_EQ(store.fetches, store.objects.size());
  };
  tree_of(store_);
  EXPECT_GT(store_.objects.size(), 100u);
  NodeStore replaced, inserted;
  extents[15000].object = DataRef(1000000);
  tree_of(replaced);
  EXPECT_LE(NewNodes(store_, replaced), 8u);
  extents.insert(extents.begin() + 7000,
                 {.object = DataRef(1000001), .length = 77});
  tree_of(inserted);
  EXPECT_LE(NewNodes(replaced, inserted), 8u);
}

TEST_F(TreeBuilderTest, RepeatedObjectsAndHolesMakeFiniteTrees) {
  FileExtents extents;
  for (uint64_t i = 0; i < 20000; ++i) {
    extents.push_back({.object = DataRef(i % 3), .length = 1 << 20});
    extents.push_back({.hole = true, .length = 1 << 20});
  }
  const std::vector<Listed> entries = {File({"", "image"}, extents)};
  const ObjectRef root = BuildTree(keys_, entries, store_).value();
  ExpectSame(ReadAll(root, store_), entries);
}

TEST_F(TreeBuilderTest, KeysMustRise) {
  for (const PathKey& second :
       {PathKey{"/a", "m"}, PathKey{"/a", "a"}, PathKey{"", "z"}}) {
    Sealer sealer(keys_);
    TreeBuilder builder(keys_, sealer, store_.Sink());
    const auto add = [&](const Listed& listed) {
      return builder.Add(listed.key, listed.entry.SerializeAsString(), 0, {})
          .code();
    };
    ASSERT_EQ(add(Directory({"/a", "m"})), absl::StatusCode::kOk);
    EXPECT_EQ(add(Directory(second)), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(TreeBuilderTest, RefusesEntriesACursorWouldRefuse) {
  const Listed good = SmallFile({"", "f"}, 1);
  ASSERT_EQ(AddCode(good), absl::StatusCode::kOk);
  EXPECT_EQ(AddCode(good, 1001), absl::StatusCode::kInvalidArgument);
  const auto changed = [&](const std::function<void(Listed&)>& change) {
    Listed listed = good;
    change(listed);
    return AddCode(listed);
  };
  const std::vector<std::function<void(Listed&)>> bad = {
      [](Listed& l) { l.key.name = "g"; },
      [](Listed& l) { l.key.directory = "relative"; },
      [](Listed& l) { l.key.directory = "/a/"; },
      [](Listed& l) { l.key.directory = "/a/../b"; },
      [](Listed& l) { l.entry.set_size_bytes(999); },
      [](Listed& l) { l.entry.set_type(v1::format::DIRECTORY); },
      [](Listed& l) { l.entry.set_unreadable(true); },
      [](Listed& l) { l.extents[0].length = 0; },
      [](Listed& l) { l.extents[0].offset = 1 << 20; },
      [](Listed& l) { l.extents[0].hole = true; },
      [](Listed& l) { l.extents.clear(); },
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(changed(bad[i]), absl::StatusCode::kInvalidArgument) << i;
  }
}

TEST_F(TreeBuilderTest, AnErrorOfTheSinkEndsTheBuild) {
  Sealer sealer(keys_);
  TreeBuilder builder(keys_, sealer, [](SealedObject) {
    return absl::ResourceExhaustedError("full");
  });
  absl::Status status;
  for (const Listed& listed : ManyFiles(3000)) {
    status = builder.Add(listed.key, listed.entry.SerializeAsString(),
                         FileBytes(listed.entry), listed.extents);
    if (!status.ok()) break;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(TreeBuilderTest, WithoutEntriesThereIsNoTree) {
  Sealer sealer(keys_);
  EXPECT_EQ(TreeBuilder(keys_, sealer, store_.Sink()).Finish().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace nightsafe
