#include "tests/unit/server/sweep/sweeper_test.h"

#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

TEST_F(SweeperTest, WhatNothingNeedsIsMovedAndUnlinkedLater) {
  MakeGarbage();
  CallRemoved(garbage_);
  const auto before = Sealed();
  const SweepReport dry = Run(/*act=*/false);
  EXPECT_EQ(dry.moved, 2u);
  EXPECT_EQ(Sealed(), before);
  EXPECT_TRUE(Files(config_.state).empty());

  const SweepReport moved = Run();
  EXPECT_EQ(Refusals(moved), "");
  EXPECT_EQ(moved.moved, 2u);
  EXPECT_EQ(absl::StrJoin(Files(Paths().removed), " "), Names(garbage_));
  Start();
  EXPECT_TRUE(report_.losses.empty()) << report_.losses[0];
  ExpectLedger();
  Stop();

  clock_.Set(clock_.Now() + absl::Hours(71));
  EXPECT_EQ(Run().waiting, 2u);
  clock_.Set(clock_.Now() + absl::Hours(1));
  const SweepReport last = Run();
  EXPECT_EQ(Refusals(last), "");
  EXPECT_EQ(last.unlinked, 2u);
  EXPECT_GT(last.freed_bytes, 1000u);
  EXPECT_TRUE(Files(Paths().removed).empty());
  EXPECT_EQ(Run().unlinked, 0u);
  Start();
  EXPECT_TRUE(report_.losses.empty()) << report_.losses[0];
  ExpectLedger();
}

TEST_F(SweeperTest, WhatACollectionRemovesIsTakenAway) {
  days_ = 3;
  clock_.Set(clock_.Now() + kDay);
  // Packs that are rewritten: most of what is in them stays.
  for (uint64_t seed = 1; seed <= days_; ++seed) {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(6, 200, seed)).ok());
  }
  Stop();
  Start();
  PurgeFirst();
  const auto collected =
      vault_->Collect({.override_share = true, .max_live_share = 0.9}, {});
  ASSERT_TRUE(collected.ok()) << collected.status();
  Stop();
  const SweepReport report = Run();
  EXPECT_EQ(Refusals(report), "");
  EXPECT_GT(report.moved, 0u);
  Start();
  EXPECT_TRUE(report_.losses.empty()) << report_.losses[0];
  ExpectLedger();
}

TEST_F(SweeperTest, APackThatASnapshotNeedsStays) {
  days_ = 3;
  const auto before = Sealed();
  DepositApart(1);
  const std::vector<PackId> first = NewPacks(before);
  DepositApart(2);
  Stop();
  CallRemoved(first);
  const auto sealed = Sealed();
  const SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  ASSERT_EQ(report.refused.size(), 2u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "lies nowhere else") ||
              absl::StrContains(Refusals(report), "lacks object"))
      << Refusals(report);
  EXPECT_EQ(Sealed(), sealed);
}

TEST_F(SweeperTest, ExpiredSnapshotsAreStillNeeded) {
  MakeGarbage();
  // As MakeGarbage, but the next one is only expired.
  Start();
  Order order = NewOrder();
  order.mutable_expire()->add_snapshots(
      std::string(ledger_[0].snapshot.text()));
  order.mutable_expire()->set_override_checks(true);
  ASSERT_TRUE(vault_->Obey(SignOrder(admin_key_, order)).ok());
  std::vector<PackId> needed;
  for (const std::string& name : Sealed()) {
    const auto pack = ParsePackFileName(name);
    if (!pack.has_value() ||
        std::count(garbage_.begin(), garbage_.end(), *pack) > 0) {
      continue;
    }
    const auto toc =
        ReadToc(*posix_, Paths().sealed, vault_keys_.registration().id, *pack);
    ASSERT_TRUE(toc.ok());
    for (const SealedObject& object : ledger_[0].objects) {
      if (toc->toc.entries.front().id == object.ref.id) needed.push_back(*pack);
    }
  }
  ASSERT_FALSE(needed.empty());
  Stop();
  CallRemoved(needed);
  const SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_EQ(report.refused.size(), needed.size()) << Refusals(report);
}

TEST_F(SweeperTest, ACopyElsewhereCountsWhenItsBytesAreRight) {
  const auto before = Sealed();
  DepositApart(1);
  const std::vector<PackId> first = NewPacks(before);
  const auto middle = Sealed();
  Stop();
  // Quarantined copies are put again; the packs then hold two of each.
  for (const PackId& pack : first) {
    const auto toc =
        ReadToc(*posix_, Paths().sealed, vault_keys_.registration().id, pack);
    ASSERT_TRUE(toc.ok());
    for (const PackEntry& entry : toc->toc.entries) {
      VaultRecord record;
      auto& what = *record.mutable_quarantined();
      what.set_domain_number(entry.domain_number);
      what.set_object_id(std::string(entry.id.text()));
      what.set_pack(std::string(pack.text()));
      what.set_offset(entry.offset);
      Append(record);
    }
  }
  std::filesystem::remove_all(IndexPath());
  Start();
  DepositApart(1);
  const std::vector<PackId> second = NewPacks(middle);
  ASSERT_EQ(second.size(), 2u);
  Stop();
  CallRemoved(first);
  EXPECT_EQ(Run(/*act=*/false).moved, 2u);

  // One of the new copies is damaged: the old pack is the last resort.
  const PackId data =
      *std::find_if(second.begin(), second.end(), [&](const PackId& pack) {
        const auto toc = ReadToc(*posix_, Paths().sealed,
                                 vault_keys_.registration().id, pack);
        return toc->toc.pack_class == PackClass::kData;
      });
  const std::string path = Paths().SealedPack(data);
  {
    auto file = posix_->OpenForWrite(path);
    ASSERT_TRUE(file.ok());
    const auto toc =
        ReadToc(*posix_, Paths().sealed, vault_keys_.registration().id, data);
    const uint64_t at = toc->toc.entries[0].offset + 20;
    const std::string byte = ReadExactly(**file, at, 1).value();
    const char flipped = static_cast<char>(byte[0] ^ 1);
    ASSERT_TRUE(
        (*file)->WriteAt(at, AsBytes(absl::string_view(&flipped, 1))).ok());
  }
  const SweepReport report = Run();
  EXPECT_EQ(report.moved, 1u);  // the pack of nodes
  ASSERT_EQ(report.refused.size(), 1u) << Refusals(report);
}

TEST_F(SweeperTest, AnInterruptedMoveIsFinished) {
  MakeGarbage();
  CallRemoved(garbage_);
  // As after a crash between the two renames.
  std::filesystem::rename(Paths().SealedPack(garbage_[0]),
                          Paths().removed + "/" + PackFileName(garbage_[0]));
  const SweepReport report = Run();
  EXPECT_EQ(Refusals(report), "");
  EXPECT_EQ(report.moved, 1u);
  EXPECT_EQ(report.waiting, 1u);
  EXPECT_EQ(absl::StrJoin(Files(Paths().removed), " "), Names(garbage_));
}

// Whose packs they are is not said by the directory in which they are found.
// As DESIGN.md tells a person to do it.
TEST_F(SweeperTest, APackThatWasPutBackIsLeftAlone) {
  MakeGarbage();
  CallRemoved(garbage_);
  const auto before = Sealed();
  ASSERT_EQ(Run().moved, 2u);
  for (const std::string& name : Files(Paths().removed)) {
    std::filesystem::rename(Paths().removed + "/" + name,
                            Paths().sealed + "/" + name);
  }
  options_.take_back_removed = true;
  std::filesystem::remove_all(IndexPath());
  Start();
  EXPECT_EQ(report_.notes.size(), 3u);  // and the index that is made anew
  Stop();
  for (int run = 0; run < 2; ++run) {
    const SweepReport report = Run();
    EXPECT_EQ(Refusals(report), "");
    EXPECT_EQ(report.moved + report.waiting, 0u);
    EXPECT_EQ(Sealed(), before);
    clock_.Set(clock_.Now() + absl::Hours(100));
  }
  // When nothing needs it again, the whole delay begins again.
  CallRemoved(garbage_);
  EXPECT_EQ(Run().moved, 2u);
  clock_.Set(clock_.Now() + absl::Hours(71));
  const SweepReport report = Run();
  EXPECT_EQ(report.waiting, 2u);
  EXPECT_EQ(report.unlinked, 0u);
}

TEST_F(SweeperTest, ANeededPackThatWasCalledRemovedIsUsedAgain) {
  days_ = 2;
  const auto before = Sealed();
  DepositApart(1);
  const std::vector<PackId> first = NewPacks(before);
  DepositApart(2);
  Stop();
  CallRemoved(first);
  EXPECT_EQ(Run().refused.size(), 2u);
  const auto sealed = Sealed();
  Start();
  EXPECT_FALSE(FetchAll(*vault_, 1, {ledger_[0].objects[0].ref.id})
                   .begin()
                   ->second.status.ok());
  Stop();
  options_.take_back_removed = true;
  std::filesystem::remove_all(IndexPath());
  Start();
  ExpectLedger();
  Stop();
  EXPECT_EQ(Refusals(Run()), "");
  EXPECT_EQ(Sealed(), sealed);
}

}  // namespace
}  // namespace nightsafe
