#include "server/vault/change_measure.h"

#include <algorithm>

#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

class MeasureTest : public VaultTest {
 protected:
  static uint64_t BytesOf(const std::vector<SealedObject>& objects) {
    std::map<ObjectId, uint64_t> lengths;
    for (const SealedObject& object : objects) {
      lengths[object.ref.id] = object.bytes.size();
    }
    uint64_t bytes = 0;
    for (const auto& [id, length] : lengths) bytes += length;
    return bytes;
  }
  static uint64_t SharedBytes(const TestTree& a, const TestTree& b) {
    std::map<ObjectId, uint64_t> lengths;
    for (const SealedObject& object : a.objects) {
      lengths[object.ref.id] = object.bytes.size();
    }
    uint64_t bytes = 0;
    for (const SealedObject& object : b.objects) {
      if (lengths.erase(object.ref.id) > 0) bytes += object.bytes.size();
    }
    return bytes;
  }
  SnapshotInfo Last() const { return vault_->Snapshots({}).back(); }
};

TEST_F(MeasureTest, OfTheFirstSnapshotIsWhatItReaches) {
  const TestTree tree = web_.MakeTree(40, 700, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_EQ(Last().previous_bytes, 0u);
  EXPECT_EQ(Last().kept_bytes, 0u);
  EXPECT_EQ(Last().reached_bytes, BytesOf(tree.objects));
}

TEST_F(MeasureTest, OfTheSameTreeIsAllOfIt) {
  const TestTree tree = web_.MakeTree(40, 700, 1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_EQ(Last().previous_bytes, BytesOf(tree.objects));
  EXPECT_EQ(Last().kept_bytes, BytesOf(tree.objects));
  EXPECT_EQ(Last().reached_bytes, BytesOf(tree.objects));
}

// The nodes of both trees are made from the same numbers of data objects, so
// that a part of them is the same.
TEST_F(MeasureTest, OfAChangedTreeIsTheDifference) {
  TestTree trees[] = {web_.MakeTree(40, 700, 1), web_.MakeTree(44, 700, 1),
                      web_.MakeTree(12, 700, 1), web_.MakeTree(9, 700, 2)};
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(Deposit(web_, trees[i]).ok());
    EXPECT_EQ(Last().reached_bytes, BytesOf(trees[i].objects)) << i;
    if (i == 0) continue;
    EXPECT_EQ(Last().previous_bytes, BytesOf(trees[i - 1].objects)) << i;
    EXPECT_EQ(Last().kept_bytes, SharedBytes(trees[i - 1], trees[i])) << i;
  }
}

// What a host could hide a change behind: a tree too large to be remembered, or
// to be walked. Nothing is measured as more than it is.
class BoundedMeasureTest : public MeasureTest {
 protected:
  // As often as makes a rule.
  void DepositNights(const TestTree& tree) {
    for (int night = 0; night < 8; ++night) {
      clock_.Set(clock_.Now() + absl::Hours(24));
      ASSERT_TRUE(Deposit(web_, tree).ok());
    }
  }
  void RestartWith(size_t max_reached, size_t max_measured) {
    Stop();
    options_.max_reached = max_reached;
    options_.max_measured = max_measured;
    Start();
  }
  // All is proved again by the next commit.
  void RaiseGeneration() {
    Stop();
    std::filesystem::remove_all(IndexPath());
    Start();
  }
  bool IsSuspected() {
    const auto plans = vault_->Plans("web1");
    return plans.size() == 1 &&
           std::any_of(plans[0].refusals.begin(), plans[0].refusals.end(),
                       [](const Refusal& refusal) {
                         return refusal.kind == Refusal::Kind::kSuspicious;
                       });
  }
};

TEST_F(BoundedMeasureTest, AnotherTreeTooLargeToBeWalkedIsSuspicious) {
  const TestTree tree = web_.MakeTree(40, 50'000, 1);
  DepositNights(tree);
  RestartWith(ReachedObjects::kMaxObjects, 10);
  EXPECT_FALSE(IsSuspected());
  clock_.Set(clock_.Now() + absl::Hours(24));
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(40, 50'000, 2)).ok());
  EXPECT_EQ(Last().previous_bytes, BytesOf(tree.objects));
  EXPECT_EQ(Last().kept_bytes, 0u);
  EXPECT_GT(Last().reached_bytes, 0u);
  EXPECT_TRUE(IsSuspected());
}

TEST_F(BoundedMeasureTest, AnotherTreeTooLargeToBeRememberedIsSuspicious) {
  const TestTree tree = web_.MakeTree(40, 50'000, 1);
  DepositNights(tree);
  RestartWith(20, 1 << 20);
  clock_.Set(clock_.Now() + absl::Hours(24));
  const TestTree other = web_.MakeTree(200, 10'000, 2);
  ASSERT_TRUE(Deposit(web_, other).ok());
  EXPECT_EQ(Last().previous_bytes, BytesOf(tree.objects));
  EXPECT_EQ(Last().kept_bytes, 0u);
  EXPECT_EQ(Last().reached_bytes, BytesOf(other.objects));
  EXPECT_TRUE(IsSuspected());
}

// First so much more that it cannot be measured, and all that was is kept; then
// that alone.
TEST_F(BoundedMeasureTest, InTwoStepsItIsSuspiciousTheSecondTime) {
  TestTree tree = web_.MakeTree(40, 50'000, 1);
  DepositNights(tree);
  RestartWith(ReachedObjects::kMaxObjects, 100);
  TestTree more = web_.MakeTree(150, 50'000, 2);
  const DomainKeys keys(web_.key().domain_secret);
  Sealer sealer(keys);
  std::vector<ObjectId> roots = {tree.root.id, more.root.id};
  std::sort(roots.begin(), roots.end());
  TestTree both;
  both.objects = tree.objects;
  both.objects.insert(both.objects.end(), more.objects.begin(),
                      more.objects.end());
  both.objects.push_back(
      sealer.Seal(ObjectKind::kNode, roots, AsBytes("both")).value());
  both.root = both.objects.back().ref;
  clock_.Set(clock_.Now() + absl::Hours(24));
  ASSERT_TRUE(Deposit(web_, both).ok());
  EXPECT_EQ(Last().previous_bytes, BytesOf(tree.objects));
  EXPECT_EQ(Last().kept_bytes, BytesOf(tree.objects));
  EXPECT_GE(Last().reached_bytes, BytesOf(tree.objects));
  EXPECT_LE(Last().reached_bytes, BytesOf(both.objects));
  EXPECT_FALSE(IsSuspected());
  clock_.Set(clock_.Now() + absl::Hours(24));
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(5, 100, 3)).ok());
  EXPECT_EQ(Last().kept_bytes, 0u);
  EXPECT_TRUE(IsSuspected());
}

// Of a host with more objects than are remembered nothing looks worse than it
// is, whether its tree is walked anew or not.
TEST_F(BoundedMeasureTest, WhatIsKeptIsFoundThoughDataIsForgotten) {
  const TestTree tree = web_.MakeTree(40, 700, 1);
  const TestTree changed = web_.MakeTree(44, 700, 1);
  RestartWith(25, 1 << 20);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_GT(Last().reached_bytes, 0u);
  EXPECT_LE(Last().reached_bytes, BytesOf(tree.objects));
  RestartWith(ReachedObjects::kMaxObjects, 1 << 20);
  ASSERT_TRUE(Deposit(web_, changed).ok());
  ASSERT_TRUE(Deposit(web_, tree).ok());
  options_.max_reached = 25;
  RaiseGeneration();
  ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_EQ(Last().kept_bytes, Last().previous_bytes);
  RaiseGeneration();
  const uint64_t before = Last().reached_bytes;
  ASSERT_TRUE(Deposit(web_, changed).ok());
  EXPECT_EQ(Last().previous_bytes, before);
  EXPECT_EQ(before - Last().kept_bytes,
            BytesOf(tree.objects) - SharedBytes(tree, changed));
  EXPECT_FALSE(IsSuspected());
}

}  // namespace
}  // namespace nightsafe
