#include <random>

#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

class PowerCutTest : public VaultTest {
 protected:
  // From a random call on nothing reaches the disk; then the power goes, and
  // with it what was not synced. RocksDB keeps all that it wrote, which is the
  // worst case: an index that knows more than the packs hold.
  void CutPower() {
    Crash();
    fs_.Heal();
    lost_ += disk_.CutPower(random_);
  }
  void FailFrom(uint64_t calls) {
    fs_.FailMutatingCall(random_() % calls,
                         absl::UnavailableError("power is gone"), true);
  }

  const uint32_t seed_ = std::random_device()();
  std::mt19937 random_{seed_};
  uint64_t lost_ = 0;
};

TEST_F(PowerCutTest, AcknowledgedSnapshotsStand) {
  SCOPED_TRACE(seed_);
  Stop();
  options_.data_pack_bytes = 8 << 10;
  options_.node_pack_bytes = 2 << 10;
  options_.max_waiting = 12;
  Start();
  size_t acknowledged = 0;
  for (uint64_t round = 0; round < 60; ++round) {
    FailFrom(90);
    const uint64_t deposits = 1 + random_() % 3;
    for (uint64_t i = 0; i < deposits; ++i) {
      const TestTree tree = web_.MakeTree(
          1 + random_() % 8, 50 + random_() % 1500, round * 10 + i);
      acknowledged += Deposit(web_, tree).ok() ? 1 : 0;
    }
    // A kill keeps the page cache; a start on it must not believe it.
    if (random_() % 2 == 0) {
      Crash();
      fs_.Heal();
    } else {
      CutPower();
    }
    if (random_() % 2 == 0) {
      if (random_() % 2 == 0) FailFrom(30);
      TryStart().IgnoreError();
      CutPower();
    }
    Start();
    ASSERT_TRUE(report_.losses.empty()) << report_.losses.front();
    ExpectLedger();
    if (HasFatalFailure()) return;
    if (ledger_.size() > 8) ledger_.erase(ledger_.begin());
    auto problems = vault_->Scrub({});
    ASSERT_TRUE(problems.ok());
    ASSERT_TRUE(problems->empty()) << problems->front().detail;
    // Every snapshot that is listed is whole, acknowledged or not.
    const SnapshotInfo last = vault_->Snapshots({}).empty()
                                  ? SnapshotInfo{}
                                  : vault_->Snapshots({}).back();
    if (last.sequence == 0) continue;
    const ObjectId root = ParseManifest(AsBytes(last.manifest))->root;
    EXPECT_TRUE(FetchAll(*vault_, 1, {root})[root].status.ok());
  }
  RecordProperty("lost_changes", static_cast<int>(lost_));
  RecordProperty("acknowledged", static_cast<int>(acknowledged));
  EXPECT_GT(lost_, 10u);
  EXPECT_GT(acknowledged, 10u);
}

}  // namespace
}  // namespace nightsafe
