#include "server/sweep/sweeper.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/io/durable_file.h"
#include "server/journal/journal_writer.h"
#include "server/pack/seal.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

using v1::format::Order;
using v1::format::VaultRecord;

constexpr absl::Duration kDay = absl::Hours(24);

class SweeperTest : public VaultTest {
 protected:
  void SetUp() override {
    VaultTest::SetUp();
    config_ = {
        .data = directory_, .state = directory_ + "/sweep", .server = server_};
    std::filesystem::create_directories(config_.state);
  }

  // A day later: a snapshot whose objects lie in packs of their own.
  void DepositApart(uint64_t seed) {
    clock_.Set(clock_.Now() + kDay);
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(6, 200, seed)).ok());
    Stop();
    Start();
  }
  std::set<std::string> Sealed() const { return Files(Paths().sealed); }
  static std::set<std::string> Files(const std::string& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  // Those that the last DepositApart made.
  std::vector<PackId> NewPacks(const std::set<std::string>& before) const {
    std::vector<PackId> packs;
    for (const std::string& name : Sealed()) {
      const auto pack = ParsePackFileName(name);
      if (pack.has_value() && !before.contains(name)) packs.push_back(*pack);
    }
    return packs;
  }
  // While no server runs.
  void Append(const VaultRecord& unstamped) {
    VaultRecord record = unstamped;
    if (record.time_unix_ns() == 0) {
      record.set_time_unix_ns(absl::ToUnixNanos(clock_.Now()) + ++ticks_);
    }
    auto writer = JournalWriter::Open(
        *posix_, Paths().journal,
        {.kind = JournalKind::kVault,
         .owner = JournalOwnerOf(vault_keys_.registration().id)},
        {}, [](ByteView, const JournalPosition&) { return absl::OkStatus(); });
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append(record.SerializeAsString()).ok());
  }
  void CallRemoved(const std::vector<PackId>& packs) {
    for (const PackId& pack : packs) {
      VaultRecord record;
      record.mutable_pack_removed()->set_pack(std::string(pack.text()));
      Append(record);
    }
  }
  Order NewOrder() const {
    Order order;
    order.set_server_id(std::string(server_.text()));
    order.set_vault("home");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(clock_.Now()));
    return order;
  }
  // Another host's backups, so that nothing doubts the clock.
  void PassDays(int days) {
    for (int day = 0; day < days; ++day) {
      clock_.Set(clock_.Now() + kDay);
      ASSERT_TRUE(Deposit(db_, db_.MakeTree(1, 50, 1)).ok());
    }
  }
  // By order and trash time, the right way.
  void PurgeFirst() {
    PassDays(15);
    Order order = NewOrder();
    order.mutable_expire()->add_snapshots(
        std::string(ledger_[0].snapshot.text()));
    order.mutable_expire()->set_override_checks(true);
    const absl::Status status = vault_->Obey(SignOrder(admin_key_, order));
    ASSERT_TRUE(status.ok()) << status;
    PassDays(15);
    ASSERT_EQ(*vault_->PurgeDue(), 1u);
    ledger_.resize(days_);  // those of the other host are not looked at
    ledger_.erase(ledger_.begin());
  }
  // `days` snapshots apart; the first is purged, and its packs removed.
  void MakeGarbage(size_t days = 3) {
    days_ = days;
    const std::set<std::string> before = Sealed();
    DepositApart(1);
    garbage_ = NewPacks(before);
    ASSERT_EQ(garbage_.size(), 2u);
    for (size_t day = 1; day < days; ++day) DepositApart(day + 1);
    PurgeFirst();
    Stop();
  }

  SweepReport Run(bool act = true) {
    auto report = Sweep(*posix_, config_, clock_, act);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : SweepReport{};
  }
  static std::string Refusals(const SweepReport& report) {
    return absl::StrJoin(report.refused, "\n");
  }
  static std::string Names(const std::vector<PackId>& packs) {
    std::set<std::string> names;
    for (const PackId& pack : packs) {
      names.insert(PackFileName(pack));
      names.insert(TocFileName(pack));
    }
    return absl::StrJoin(names, " ");
  }

  SweepConfig config_;
  std::vector<PackId> garbage_;
  size_t days_ = 0;
  int64_t ticks_ = 0;
};

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

TEST_F(SweeperTest, AnotherServersVaultIsLeftAlone) {
  MakeGarbage();
  CallRemoved(garbage_);
  config_.server = MakeServerId(SigningKey::Generate().verify_key());
  const SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "of server"))
      << Refusals(report);
}

TEST_F(SweeperTest, ForgedRecordsStopItUntilTheyAreAccepted) {
  MakeGarbage();
  VaultRecord forged;
  for (const Deposited& deposited : ledger_) {
    forged.mutable_purged()->add_snapshots(
        std::string(deposited.snapshot.text()));
  }
  Append(forged);
  CallRemoved(garbage_);
  const SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "somebody wrote"))
      << Refusals(report);
  config_.accepted_forged_records = 1;
  EXPECT_EQ(Run().moved, 2u);
  Start();
  ExpectLedger();
}

TEST_F(SweeperTest, TheJournalMayOnlyGrow) {
  DepositApart(1);
  Stop();
  const std::string copy = directory_ + "/copy";
  std::filesystem::copy(Paths().journal, copy,
                        std::filesystem::copy_options::recursive);
  VaultRecord record;
  record.mutable_scrubbed();
  Append(record);
  EXPECT_EQ(Refusals(Run()), "");
  // Another history of the same length.
  std::filesystem::remove_all(Paths().journal);
  std::filesystem::rename(copy, Paths().journal);
  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "rewritten"));
  record.mutable_scrubbed()->set_packs(7);
  Append(record);
  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "rewritten"));
}

TEST_F(SweeperTest, TimesThatCannotBeStopIt) {
  DepositApart(1);
  Stop();
  EXPECT_EQ(Refusals(Run()), "");
  clock_.Set(clock_.Now() + 20 * kDay);
  EXPECT_EQ(Refusals(Run()), "");
  // Written now, and said to be of three weeks ago.
  Order order = NewOrder();
  order.mutable_hold();
  VaultRecord record;
  record.set_time_unix_ns(absl::ToUnixNanos(clock_.Now() - 19 * kDay));
  *record.mutable_ordered()->mutable_order() = SignOrder(admin_key_, order);
  Append(record);
  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "was not there"));
}

TEST_F(SweeperTest, TheFutureStopsIt) {
  DepositApart(1);
  Stop();
  VaultRecord record;
  record.set_time_unix_ns(absl::ToUnixNanos(clock_.Now() + 2 * kDay));
  record.mutable_scrubbed();
  Append(record);
  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "one of them is wrong"));
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

}  // namespace
}  // namespace nightsafe
