// Somebody in the server writes journals and files; the sweeper does not become
// his deputy.
#include "tests/unit/server/sweep/sweeper_test.h"

namespace nightsafe {
namespace {

using IntruderTest = SweeperTest;

TEST_F(IntruderTest, AnotherServersVaultIsLeftAlone) {
  MakeGarbage();
  CallRemoved(garbage_);
  config_.server = MakeServerId(SigningKey::Generate().verify_key());
  const SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "of server"))
      << Refusals(report);
}

TEST_F(IntruderTest, ForgedRecordsStopItUntilTheyAreAccepted) {
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

TEST_F(IntruderTest, TheJournalMayOnlyGrow) {
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

TEST_F(IntruderTest, TimesThatCannotBeStopIt) {
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

TEST_F(IntruderTest, TheFutureStopsIt) {
  DepositApart(1);
  Stop();
  VaultRecord record;
  record.set_time_unix_ns(absl::ToUnixNanos(clock_.Now() + 2 * kDay));
  record.mutable_scrubbed();
  Append(record);
  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "one of them is wrong"));
}

TEST_F(IntruderTest, AForgedVaultTakesNoPackOfAnother) {
  DepositApart(1);
  Stop();
  const auto sealed = Sealed();
  const VaultId id = VaultIdOf(SigningKey::Generate().verify_key());
  const VaultPaths forged = ForgeVault("a-forged", id);
  CallAllRemovedBy(forged, id);

  std::filesystem::remove(forged.sealed);
  std::filesystem::create_symlink("../../home/packs/sealed", forged.sealed);
  SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "is a symbolic link"))
      << Refusals(report);
  EXPECT_EQ(Sealed(), sealed);

  // Any directory on the way.
  std::filesystem::remove(forged.sealed);
  std::filesystem::create_directory(forged.sealed);
  std::filesystem::rename(forged.packs, directory_ + "/aside");
  std::filesystem::create_symlink("../home/packs", forged.packs);
  report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_EQ(report.refused.size(), 1u) << Refusals(report);
  EXPECT_EQ(Sealed(), sealed);
  std::filesystem::remove(forged.packs);
  std::filesystem::rename(directory_ + "/aside", forged.packs);

  // The files themselves, by other names.
  for (const std::string& name : sealed) {
    std::filesystem::create_hard_link(Paths().sealed + "/" + name,
                                      forged.sealed + "/" + name);
  }
  report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "and this is vault"))
      << Refusals(report);
  EXPECT_EQ(Files(forged.sealed), sealed);

  Start();
  ExpectLedger();
}

TEST_F(IntruderTest, AVaultHasOneName) {
  MakeGarbage();
  const VaultId id = vault_keys_.registration().id;
  CallRemoved(garbage_);
  const VaultPaths forged = ForgeVault("a-forged", id);
  CallAllRemovedBy(forged, id);
  const auto sealed = Sealed();
  for (const std::string& name : sealed) {
    std::filesystem::create_hard_link(Paths().sealed + "/" + name,
                                      forged.sealed + "/" + name);
  }
  // None of them was ever seen: which is the true one a person has to say.
  SweepReport report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_EQ(report.refused.size(), 2u) << Refusals(report);
  EXPECT_EQ(Sealed(), sealed);
  EXPECT_EQ(Files(forged.sealed), sealed);

  std::filesystem::rename(forged.root, directory_ + "/aside");
  report = Run();
  EXPECT_EQ(Refusals(report), "");
  EXPECT_EQ(report.moved, 2u);
  // From now on that name is the one.
  std::filesystem::rename(directory_ + "/aside", forged.root);
  report = Run();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_EQ(report.waiting, 2u);
  EXPECT_TRUE(absl::StrContains(Refusals(report), "one of a-forged and home"))
      << Refusals(report);
  EXPECT_EQ(Files(forged.sealed), sealed);
}

// They would be the first and the last of their day, and the true one between
// them would go by the policy in force.
TEST_F(IntruderTest, CommitsThatNoHostMadeChangeNothing) {
  MakeGarbage();
  uint64_t sequence = days_ + 30;
  const TestHost forger = TestVault().MakeHost("web1", 1);
  for (const SealedObject& root : ledger_[0].objects) {
    const SessionId session = RandomId<SessionId>();
    Append(CommitOf(forger, session, forger.MakeManifest(root.ref, session),
                    ++sequence));
  }
  // One that the host did make, again.
  const std::string& manifest = ledger_[0].objects.back().bytes;
  const auto parsed = ParseManifest(AsBytes(manifest));
  ASSERT_TRUE(parsed.ok());
  const auto session = SessionId::FromBytes(AsBytes(parsed->clear.session()));
  Append(CommitOf(web_, *session, manifest, ++sequence));
  CallRemoved(garbage_);
  const uint64_t forged = ledger_[0].objects.size() + 1;

  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "a second time"));
  config_.accepted_forged_records = forged - 1;
  EXPECT_EQ(Run().moved, 0u);
  config_.accepted_forged_records = forged;
  const SweepReport report = Run();
  EXPECT_EQ(Refusals(report), "");
  EXPECT_EQ(report.moved, 2u);
  Start();
  ExpectLedger();
  EXPECT_EQ(vault_->Snapshots({}).size(), days_ + 29);
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(6, 200, 9)).ok());
}

TEST_F(IntruderTest, TheVaultsOwnKeySaysWhoCommits) {
  DepositApart(1);
  Stop();
  VaultRegistration other = vault_keys_.registration();
  other.verify_key = SigningKey::Generate().verify_key();
  InitServer(other);
  EXPECT_TRUE(absl::StrContains(Refusals(Run()), "no verify key of vault"));
  InitServer(vault_keys_.registration());
  EXPECT_EQ(Refusals(Run()), "");
}

}  // namespace
}  // namespace nightsafe
