#include "common/tree/node.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/base/limits.h"
#include "tests/unit/common/tree/crafted_nodes.h"

namespace nightsafe {
namespace {

using v1::format::Node;

// Two directories, three files, three references; valid.
struct Example {
  Node node;
  std::vector<ObjectRef> refs =
      NodeCrafter::Sorted({DataRef(1, 100), DataRef(2, 200), DataRef(3, 300)});

  FetchedNode Fetched() const {
    return {NodeCrafter::Ids(refs), node.SerializeAsString()};
  }
};

void AddFile(const std::string& name, uint64_t size, uint32_t object,
             v1::format::DirectoryRun& run) {
  v1::format::Entry entry;
  entry.set_name(name);
  entry.set_type(v1::format::REGULAR);
  entry.set_size_bytes(size);
  run.add_entries(entry.SerializeAsString());
  v1::format::Extent* extent = run.add_extents()->add_inline_();
  extent->set_object(object);
  extent->set_length(size);
}

Example LeafExample() {
  Example example;
  NodeCrafter::SetTable(example.refs, example.node);
  v1::format::DirectoryRun* run = example.node.mutable_leaf()->add_runs();
  run->set_path("/a");
  AddFile("f", 50, 1, *run);
  AddFile("g", 60, 2, *run);
  run = example.node.mutable_leaf()->add_runs();
  run->set_path("/b");
  AddFile("f", 70, 3, *run);
  return example;
}

Example InnerExample() {
  Example example;
  NodeCrafter::SetTable(example.refs, example.node);
  example.node.set_level(1);
  for (uint32_t i = 1; i <= 3; ++i) {
    v1::format::Child* child = example.node.mutable_inner()->add_children();
    child->set_object(i);
    child->set_first_path("/a");
    child->set_first_name(std::string(1, static_cast<char>('a' + i)));
    child->set_entries(10 * i);
    child->set_file_bytes(100 * i);
  }
  return example;
}

Example ExtentExample(uint32_t level) {
  Example example;
  NodeCrafter::SetTable(example.refs, example.node);
  example.node.set_level(level);
  for (uint32_t i = 1; i <= 3; ++i) {
    if (level == 0) {
      auto* extent = example.node.mutable_extents()->add_extents();
      extent->set_object(i);
      extent->set_length(10 * i);
    } else {
      auto* child = example.node.mutable_extents()->add_children();
      child->set_object(i);
      child->set_length(10 * i);
    }
  }
  return example;
}

using Change = std::function<void(Example&)>;

template <typename Decode>
void ExpectAllRefused(const Example& good, const std::vector<Change>& changes,
                      Decode decode) {
  ASSERT_TRUE(decode(good.Fetched()).ok()) << decode(good.Fetched()).status();
  for (size_t i = 0; i < changes.size(); ++i) {
    Example bad = good;
    changes[i](bad);
    EXPECT_EQ(decode(bad.Fetched()).status().code(),
              absl::StatusCode::kDataLoss)
        << "change " << i;
  }
}

// Wrong in any node.
const std::vector<Change> kTableChanges = {
    [](Example& e) { e.refs.pop_back(); },
    [](Example& e) { e.refs.push_back(DataRef(9)); },
    [](Example& e) { std::swap(e.refs[0], e.refs[1]); },
    [](Example& e) { e.refs[1] = e.refs[0]; },
    [](Example& e) { e.node.mutable_keys()->pop_back(); },
    [](Example& e) { e.node.add_plain_lengths(1); },
    [](Example& e) { e.node.set_plain_lengths(0, kMaxPlainBytes + 1); },
    [](Example& e) { e.node.set_level(kMaxTreeDepth); },
    [](Example& e) { e.node.set_level(e.node.level() + ~0u); },
    [](Example& e) { e.node.clear_content(); },
};

TEST(Node, LeafIsDecoded) {
  const Example example = LeafExample();
  const TreeNode node = DecodeTreeNode(example.Fetched()).value();
  EXPECT_EQ(node.level, 0u);
  ASSERT_EQ(node.entries.size(), 3u);
  EXPECT_EQ(node.first(), (PathKey{"/a", "f"}));
  EXPECT_EQ(node.last(), (PathKey{"/b", "f"}));
  EXPECT_EQ(node.entry_count, 3u);
  EXPECT_EQ(node.file_bytes, 180u);
  ASSERT_EQ(node.entries[1].extents.size(), 1u);
  EXPECT_EQ(node.entries[1].extents[0].object, example.refs[1]);
  EXPECT_FALSE(DecodeExtentNode(example.Fetched()).ok());
}

TEST(Node, LeafRefusesBrokenRules) {
  std::vector<Change> changes = kTableChanges;
  const auto run = [](Example& e) -> v1::format::DirectoryRun& {
    return *e.node.mutable_leaf()->mutable_runs(0);
  };
  const auto extent = [run](Example& e) -> v1::format::Extent& {
    return *run(e).mutable_extents(0)->mutable_inline_(0);
  };
  const auto rename = [run](Example& e, const std::string& name) {
    v1::format::Entry entry;
    entry.ParseFromString(run(e).entries(0));
    entry.set_name(name);
    run(e).set_entries(0, entry.SerializeAsString());
  };
  const std::vector<Change> more = {
      [](Example& e) { e.node.set_level(1); },
      [](Example& e) { e.node.mutable_leaf()->clear_runs(); },
      [](Example& e) { e.node.mutable_leaf()->add_runs()->set_path("/c"); },
      [=](Example& e) { run(e).set_path("/b"); },
      [=](Example& e) { run(e).set_path("/c"); },
      [=](Example& e) { run(e).set_path("a"); },
      [=](Example& e) { run(e).set_path("/"); },
      [=](Example& e) { run(e).set_path("/a/.."); },
      [=](Example& e) { run(e).set_path(std::string("/\0", 2)); },
      [=](Example& e) { run(e).add_extents(); },
      [=](Example& e) { run(e).mutable_extents()->RemoveLast(); },
      [=](Example& e) { run(e).set_entries(0, "\xff"); },
      [=](Example& e) { run(e).mutable_entries()->SwapElements(0, 1); },
      [=](Example& e) { run(e).set_entries(1, run(e).entries(0)); },
      [=](Example& e) { rename(e, ""); },
      [=](Example& e) { rename(e, "."); },
      [=](Example& e) { rename(e, ".."); },
      [=](Example& e) { rename(e, "a/b"); },
      [=](Example& e) { rename(e, std::string("a\0", 2)); },
      [=](Example& e) { rename(e, std::string(256, 'a')); },
      [=](Example& e) { rename(e, "h"); },
      [=](Example& e) { extent(e).set_object(4); },
      [=](Example& e) { extent(e).set_object(~0u); },
      [=](Example& e) { extent(e).set_length(0); },
      [=](Example& e) { extent(e).set_length(301); },
      [=](Example& e) { extent(e).set_offset(300); },
      [=](Example& e) { extent(e).set_offset(~uint64_t{0}); },
      [=](Example& e) { extent(e).set_offset(uint64_t{1} << 32); },
      [=](Example& e) { run(e).mutable_extents(0)->set_subtree(1); },
      [=](Example& e) {
        run(e).mutable_extents(0)->clear_inline_();
        run(e).mutable_extents(0)->set_subtree(4);
      },
      [=](Example& e) {
        while (run(e).extents(0).inline__size() <= 8) {
          *run(e).mutable_extents(0)->add_inline_() = extent(e);
        }
      },
      [=](Example& e) {
        extent(e).set_object(0);
        extent(e).set_offset(1);
      },
      [=](Example& e) {
        v1::format::Entry entry;
        entry.ParseFromString(run(e).entries(0));
        entry.set_unreadable(true);
        run(e).set_entries(0, entry.SerializeAsString());
      },
  };
  changes.insert(changes.end(), more.begin(), more.end());
  ExpectAllRefused(LeafExample(), changes, DecodeTreeNode);
}

TEST(Node, LeafRefusesTooManyEntries) {
  NodeStore store;
  const DomainKeys keys = TestDomainKeys();
  NodeCrafter crafter(keys, store);
  std::vector<std::string> names;
  for (size_t i = 0; i < kMaxNodeEntries; ++i) {
    names.push_back(absl::StrCat(10000 + i));
  }
  EXPECT_TRUE(FetchTreeNode(store.Fetch(), crafter.PutLeaf("", names)).ok());
  names.push_back("x");
  EXPECT_EQ(
      FetchTreeNode(store.Fetch(), crafter.PutLeaf("", names)).status().code(),
      absl::StatusCode::kDataLoss);
}

TEST(Node, InnerIsDecodedAndRefusesBrokenRules) {
  const TreeNode node = DecodeTreeNode(InnerExample().Fetched()).value();
  EXPECT_EQ(node.level, 1u);
  ASSERT_EQ(node.children.size(), 3u);
  EXPECT_EQ(node.entry_count, 60u);
  EXPECT_EQ(node.file_bytes, 600u);

  std::vector<Change> changes = kTableChanges;
  const auto child = [](Example& e) -> v1::format::Child& {
    return *e.node.mutable_inner()->mutable_children(1);
  };
  const std::vector<Change> more = {
      [](Example& e) { e.node.set_level(0); },
      [](Example& e) { e.node.mutable_inner()->clear_children(); },
      [=](Example& e) { child(e).set_object(0); },
      [=](Example& e) { child(e).set_object(4); },
      [=](Example& e) { child(e).set_first_name("b"); },
      [=](Example& e) { child(e).set_first_name("z"); },
      [=](Example& e) { child(e).set_first_name("a/b"); },
      [=](Example& e) { child(e).set_first_path("a"); },
      [=](Example& e) { child(e).set_entries(0); },
      [=](Example& e) { child(e).set_entries(~uint64_t{0}); },
      [=](Example& e) { child(e).set_file_bytes(~uint64_t{0} - 50); },
  };
  changes.insert(changes.end(), more.begin(), more.end());
  ExpectAllRefused(InnerExample(), changes, DecodeTreeNode);
}

TEST(Node, ExtentsAreDecodedAndRefuseBrokenRules) {
  EXPECT_EQ(DecodeExtentNode(ExtentExample(0).Fetched())->length, 60u);
  EXPECT_EQ(DecodeExtentNode(ExtentExample(1).Fetched())->length, 60u);
  EXPECT_FALSE(DecodeTreeNode(ExtentExample(0).Fetched()).ok());

  std::vector<Change> leaf = kTableChanges;
  leaf.push_back([](Example& e) { e.node.set_level(1); });
  leaf.push_back([](Example& e) { e.node.mutable_extents()->Clear(); });
  leaf.push_back([](Example& e) {
    e.node.mutable_extents()->mutable_extents(0)->set_length(0);
  });
  leaf.push_back([](Example& e) {
    auto* extent = e.node.mutable_extents()->mutable_extents(0);
    extent->set_object(0);
    extent->set_length(uint64_t{1} << 63);
  });
  leaf.push_back([](Example& e) {
    while (e.node.extents().extents_size() <=
           static_cast<int>(kMaxExtentsPerNode)) {
      e.node.mutable_extents()->add_extents()->set_length(1);
    }
  });
  ExpectAllRefused(ExtentExample(0), leaf, DecodeExtentNode);

  std::vector<Change> inner = kTableChanges;
  inner.push_back([](Example& e) { e.node.set_level(0); });
  inner.push_back([](Example& e) {
    e.node.mutable_extents()->mutable_children(2)->set_length(0);
  });
  inner.push_back([](Example& e) {
    e.node.mutable_extents()->mutable_children(2)->set_length(~uint64_t{0});
  });
  inner.push_back([](Example& e) {
    e.node.mutable_extents()->mutable_children(2)->set_object(0);
  });
  ExpectAllRefused(ExtentExample(1), inner, DecodeExtentNode);
}

// Whatever the bytes, an answer: a node that keeps the rules, or DATA_LOSS.
TEST(Node, EveryTruncationAndFlippedBitIsDecodedOrRefused) {
  for (const Example& example :
       {LeafExample(), InnerExample(), ExtentExample(0), ExtentExample(1)}) {
    const FetchedNode good = example.Fetched();
    const auto expect_answer = [&](std::string plain) {
      const FetchedNode changed = {good.refs, std::move(plain)};
      const absl::Status tree = DecodeTreeNode(changed).status();
      const absl::Status extents = DecodeExtentNode(changed).status();
      EXPECT_TRUE(tree.ok() || absl::IsDataLoss(tree)) << tree;
      EXPECT_TRUE(extents.ok() || absl::IsDataLoss(extents)) << extents;
      EXPECT_FALSE(tree.ok() && extents.ok());
    };
    for (size_t length = 0; length < good.plain.size(); ++length) {
      expect_answer(good.plain.substr(0, length));
    }
    for (size_t bit = 0; bit < 8 * good.plain.size(); ++bit) {
      std::string changed = good.plain;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
      expect_answer(changed);
    }
  }
}

}  // namespace
}  // namespace nightsafe
