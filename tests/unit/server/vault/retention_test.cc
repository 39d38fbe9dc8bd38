// Orders, prunes and purges of a vault on a disk.
#include "server/vault/retention.h"

#include "absl/strings/match.h"
#include "server/journal/journal_writer.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

using v1::format::Order;
using v1::format::VaultRecord;

constexpr absl::Duration kDay = absl::Hours(24);

class RetentionTest : public VaultTest {
 protected:
  // A snapshot every day.
  void DepositDaily(TestHost& host, int days) {
    for (int day = 0; day < days; ++day) {
      clock_.Set(clock_.Now() + kDay);
      ASSERT_TRUE(Deposit(host, host.MakeTree(2, 50, next_seed_++)).ok());
    }
  }
  std::vector<SnapshotId> IdsOf(SnapshotLife life) {
    std::vector<SnapshotId> ids;
    for (const auto& info : vault_->Snapshots({.life = life})) {
      if (info.life == life) ids.push_back(info.id);
    }
    return ids;
  }
  Order NewOrder() {
    Order order;
    order.set_server_id(std::string(server_.text()));
    order.set_vault("home");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(clock_.Now()));
    return order;
  }
  absl::Status Expire(const std::vector<SnapshotId>& ids, bool override) {
    Order order = NewOrder();
    for (const SnapshotId& id : ids) {
      order.mutable_expire()->add_snapshots(std::string(id.text()));
    }
    order.mutable_expire()->set_override_checks(override);
    return vault_->Obey(SignOrder(admin_key_, order));
  }
  // As somebody who may write into the journal, but has no admin key.
  void WriteIntoJournal(VaultRecord record) {
    record.set_time_unix_ns(absl::ToUnixNanos(clock_.Now()));
    auto writer = JournalWriter::Open(
        *posix_, Paths().journal,
        {.kind = JournalKind::kVault,
         .owner = JournalOwnerOf(vault_keys_.registration().id)},
        {}, [](ByteView, const JournalPosition&) { return absl::OkStatus(); });
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append(record.SerializeAsString()).ok());
  }

  uint64_t next_seed_ = 1;
};

TEST_F(RetentionTest, AnAnsweredOrderHoldsAfterAKill) {
  DepositDaily(web_, 20);
  const SnapshotId first = ledger_[0].snapshot;
  const absl::Status status = Expire({first}, false);
  ASSERT_TRUE(status.ok()) << status;
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(IdsOf(SnapshotLife::kExpired), std::vector<SnapshotId>{first});
    EXPECT_EQ(vault_->Snapshots({}).size(), 19u);
    EXPECT_EQ(vault_->Sets().at(0).snapshots, 19u);
    EXPECT_EQ(vault_->figures().expired_snapshots, 1u);
    Crash();
    Start();
  }
  EXPECT_EQ(vault_->health().forged_records, 0u);
}

TEST_F(RetentionTest, AnOrderGivenTwiceIsCarriedOutOnce) {
  DepositDaily(web_, 20);
  Order order = NewOrder();
  order.mutable_expire()->add_snapshots(
      std::string(ledger_[0].snapshot.text()));
  const auto signed_order = SignOrder(admin_key_, order);
  ASSERT_TRUE(vault_->Obey(signed_order).ok());
  const auto records =
      vault_->Read([](const VaultState& state) { return state.records(); });
  ASSERT_TRUE(vault_->Obey(signed_order).ok());
  EXPECT_EQ(records, vault_->Read([](const VaultState& state) {
    return state.records();
  }));
}

TEST_F(RetentionTest, RefusalsLeaveNoRecord) {
  DepositDaily(web_, 20);
  const auto records = [&] {
    return vault_->Read(
        [](const VaultState& state) { return state.records(); });
  };
  const uint64_t before = records();
  const absl::Status young = Expire({ledger_[19].snapshot}, true);
  EXPECT_TRUE(absl::IsFailedPrecondition(young)) << young;
  EXPECT_TRUE(absl::StrContains(young.message(), "min-age")) << young;
  Order order = NewOrder();
  order.mutable_hold();
  EXPECT_TRUE(absl::IsPermissionDenied(
      vault_->Obey(SignOrder(SigningKey::Generate(), order))));
  EXPECT_EQ(records(), before);
  EXPECT_EQ(vault_->health().forged_records, 0u);
}

TEST_F(RetentionTest, MoreThanHalfOfAHostNeedsALook) {
  DepositDaily(web_, 20);
  clock_.Set(clock_.Now() + kDay);
  DepositDaily(db_, 20);
  std::vector<SnapshotId> ids;
  for (int i = 0; i < 11; ++i)
    ids.push_back(ledger_[static_cast<size_t>(i)].snapshot);
  const absl::Status share = Expire(ids, false);
  EXPECT_TRUE(absl::IsFailedPrecondition(share)) << share;
  EXPECT_EQ(vault_->Snapshots({}).size(), 40u);
  const absl::Status looked = Expire(ids, true);
  ASSERT_TRUE(looked.ok()) << looked;
  EXPECT_EQ(vault_->Snapshots({}).size(), 29u);
}

TEST_F(RetentionTest, AnUnattendedPruneIsWhatItsReplayAllows) {
  DepositDaily(web_, 30);
  const auto plans = vault_->PruneByPolicy();
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 1u);
  EXPECT_TRUE(plans->at(0).refusals.empty())
      << plans->at(0).refusals.at(0).message;
  const std::vector<SnapshotId> gone = IdsOf(SnapshotLife::kExpired);
  EXPECT_GT(gone.size(), 5u);
  EXPECT_EQ(plans->at(0).ExpiringIds(), gone);
  Crash();
  Start();
  EXPECT_EQ(IdsOf(SnapshotLife::kExpired), gone);
  EXPECT_EQ(vault_->health().forged_records, 0u);
  EXPECT_EQ(*vault_->PurgeDue(), 0u);

  DepositDaily(web_, 15);
  EXPECT_EQ(*vault_->PurgeDue(), gone.size());
  EXPECT_EQ(*vault_->PurgeDue(), 0u);
  Crash();
  Start();
  EXPECT_EQ(IdsOf(SnapshotLife::kPurged), gone);
  EXPECT_EQ(vault_->health().forged_records, 0u);
}

TEST_F(RetentionTest, AClockThatWasSetBackPrunesNothing) {
  DepositDaily(web_, 40);
  clock_.Set(clock_.Now() - kDay);
  EXPECT_TRUE(absl::IsFailedPrecondition(vault_->PruneByPolicy().status()));
}

TEST_F(RetentionTest, WhatIsWrittenIntoTheJournalMakesNothingGo) {
  DepositDaily(web_, 20);
  Stop();
  VaultRecord tombstone;
  VaultRecord purge;
  VaultRecord order;
  Order expire = NewOrder();
  for (const Deposited& deposited : ledger_) {
    const std::string id(deposited.snapshot.text());
    tombstone.mutable_tombstoned()->add_snapshots(id);
    purge.mutable_purged()->add_snapshots(id);
    expire.mutable_expire()->add_snapshots(id);
  }
  *order.mutable_ordered()->mutable_order() =
      SignOrder(SigningKey::Generate(), expire);
  for (const VaultRecord& record : {tombstone, purge, order}) {
    WriteIntoJournal(record);
  }
  Start();
  EXPECT_EQ(vault_->Snapshots({}).size(), 20u);
  ExpectLedger();
  const VaultHealth health = vault_->health();
  EXPECT_EQ(health.forged_records, 3u);
  ASSERT_EQ(health.forged.size(), 3u);
  EXPECT_FALSE(health.forged[2].reason.empty());
  // It goes on, and says so for ever.
  DepositDaily(web_, 1);
  Crash();
  Start();
  EXPECT_EQ(vault_->health().forged_records, 3u);
  ExpectLedger();
}

// Two admins change what they see; each change is right by itself.
TEST_F(RetentionTest, APolicyThatIsWrongWithWhatOthersSetIsRefused) {
  DepositDaily(web_, 30);
  const auto set_policy = [&](const std::string& host, const std::string& set,
                              const std::map<PolicyRule, std::string>& rules) {
    Order order = NewOrder();
    order.mutable_set_policy()->set_host(host);
    order.mutable_set_policy()->set_set(set);
    for (const auto& [rule, value] : rules) {
      EXPECT_TRUE(
          SetRule(*order.mutable_set_policy()->mutable_policy(), rule, value)
              .ok());
    }
    return SignOrder(admin_key_, order);
  };
  const std::map<PolicyRule, std::string> weekly_only = {
      {PolicyRule::kKeepDaily, "0"},
      {PolicyRule::kKeepMonthly, "0"},
      {PolicyRule::kKeepYearly, "0"},
      {PolicyRule::kKeepWeekly, "4"}};
  const std::map<PolicyRule, std::string> last_only = {
      {PolicyRule::kKeepLast, "3"}, {PolicyRule::kKeepWeekly, "0"}};
  ASSERT_TRUE(vault_->Obey(set_policy("web1", "", last_only)).ok());
  const absl::Status vault_wide = vault_->Obey(set_policy("", "", weekly_only));
  EXPECT_TRUE(absl::IsFailedPrecondition(vault_wide)) << vault_wide;
  EXPECT_TRUE(absl::StrContains(vault_wide.message(), "web1")) << vault_wide;
  EXPECT_TRUE(absl::StrContains(vault_wide.message(), "keep-daily"))
      << vault_wide;
  // Also of a set that has no snapshot yet.
  ASSERT_TRUE(vault_->Obey(set_policy("web1", "", {})).ok());
  ASSERT_TRUE(vault_->Obey(set_policy("new1", "dump", last_only)).ok());
  EXPECT_FALSE(vault_->Obey(set_policy("", "", weekly_only)).ok());
  ASSERT_TRUE(vault_->Obey(set_policy("new1", "dump", {})).ok());
  EXPECT_TRUE(vault_->Obey(set_policy("", "", weekly_only)).ok());
  EXPECT_FALSE(vault_->Obey(set_policy("web1", "files", last_only)).ok());

  // One that an older server took: nothing goes by itself, and it can be set
  // right.
  VaultRecord record;
  *record.mutable_ordered()->mutable_order() =
      set_policy("web1", "files", last_only);
  Stop();
  clock_.Set(clock_.Now() + absl::Seconds(1));
  WriteIntoJournal(record);
  Start();
  EXPECT_EQ(vault_->health().forged_records, 0u);
  const auto plans = vault_->PruneByPolicy();
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 1u);
  EXPECT_GT(plans->at(0).expiring(), 0u);
  const Refusal& refusal = plans->at(0).refusals.back();
  EXPECT_EQ(refusal.kind, Refusal::Kind::kPolicy);
  EXPECT_TRUE(absl::StrContains(refusal.message, "web1/files"))
      << refusal.message;
  EXPECT_TRUE(IdsOf(SnapshotLife::kExpired).empty());
  EXPECT_TRUE(vault_->SightOfRetention(clock_.Now()).hosts.at(0).second);
  EXPECT_TRUE(vault_->Obey(set_policy("db1", "", {})).ok());
  ASSERT_TRUE(vault_->Obey(set_policy("web1", "files", {})).ok());
  const auto right = vault_->PruneByPolicy();
  ASSERT_TRUE(right.ok()) << right.status();
  EXPECT_FALSE(IdsOf(SnapshotLife::kExpired).empty());
}

TEST_F(RetentionTest, AKeyringComesWithTheOrderToStoreItOnly) {
  DepositDaily(web_, 1);
  Order hold = NewOrder();
  hold.mutable_hold()->set_host("web1");
  const auto signed_hold = SignOrder(admin_key_, hold);
  const auto records = [&] {
    return vault_->Read(
        [](const VaultState& state) { return state.records(); });
  };
  const uint64_t before = records();
  EXPECT_TRUE(absl::IsInvalidArgument(
      vault_->Obey(signed_hold, std::string(1 << 20, 'x'))));
  EXPECT_EQ(records(), before);
  EXPECT_TRUE(vault_->Obey(signed_hold).ok());
}

TEST_F(RetentionTest, WhatIsNotThereYetCannotBeReleased) {
  DepositDaily(web_, 3);
  Order release = NewOrder();
  release.mutable_release()->set_sequence(4);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(vault_->Obey(SignOrder(admin_key_, release))));
  release.mutable_release()->set_sequence(3);
  EXPECT_TRUE(vault_->Obey(SignOrder(admin_key_, release)).ok());
}

TEST_F(RetentionTest, AKeyedNameIsFreeWhenItsSnapshotExpired) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  const auto commit = [&](absl::string_view content) {
    const SessionId id = RandomId<SessionId>();
    auto session = OpenSession(web_, id);
    EXPECT_TRUE(PutAll(*session, tree).ok());
    return session->Commit(
        AsBytes(web_.MakeManifest(tree.root, id, "name", content)));
  };
  const SnapshotId first = std::get<Committed>(*commit("a")).snapshot;
  ASSERT_TRUE(std::holds_alternative<SameContent>(*commit("a")));
  DepositDaily(db_, 20);
  ASSERT_TRUE(Expire({first}, true).ok());
  EXPECT_TRUE(std::holds_alternative<Committed>(*commit("b")));
  EXPECT_TRUE(std::holds_alternative<ConflictingContent>(*commit("a")));
}

TEST_F(RetentionTest, LaterAdminKeysAreObeyed) {
  DepositDaily(web_, 20);
  const SigningKey second = SigningKey::Generate();
  const SigningKey third = SigningKey::Generate();
  const auto add = [&](const SigningKey& by, const SigningKey& key) {
    Order order = NewOrder();
    order.set_vault("");
    order.mutable_add_admin_key()->set_public_key(
        std::string(key.verify_key().text()));
    return SignOrder(by, order);
  };
  const std::vector orders = {add(admin_key_, second), add(second, third)};
  ASSERT_TRUE(vault_->CopyAdminKeys(orders).ok());
  ASSERT_TRUE(vault_->CopyAdminKeys(orders).ok());
  Order hold = NewOrder();
  hold.mutable_hold()->set_host("web1");
  ASSERT_TRUE(vault_->Obey(SignOrder(third, hold)).ok());
  Crash();
  Start();
  EXPECT_EQ(vault_->Read([](const VaultState& state) {
    return state.retention().holds().size();
  }),
            1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(Expire({ledger_[0].snapshot}, true)));
}

}  // namespace
}  // namespace nightsafe
