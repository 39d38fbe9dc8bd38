#include "server/vault/retention_state.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "tests/unit/server/vault/retention_journal.h"

namespace nightsafe {
namespace {

using v1::format::Order;
using v1::format::VaultRecord;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr SnapshotLife kLive = SnapshotLife::kLive;
constexpr SnapshotLife kExpired = SnapshotLife::kExpired;
constexpr SnapshotLife kPurged = SnapshotLife::kPurged;

class RetentionStateTest : public testing::Test {
 protected:
  RetentionJournal journal_;
  TestHost web_ = journal_.MakeHost("web1");
  TestHost db_ = journal_.MakeHost("db1");
};

TEST_F(RetentionStateTest, AnExpiredSnapshotComesBackUntilItIsPurged) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Commit(web_);
  journal_.Pass(15 * kDay);
  ASSERT_TRUE(journal_.Give(journal_.Expire({id})).ok());
  EXPECT_EQ(journal_.LifeOf(id), kExpired);
  EXPECT_EQ(journal_.retention().Find(id)->expired_at, journal_.now());
  journal_.Pass(13 * kDay);
  EXPECT_FALSE(journal_.Purge({id}).ok());
  ASSERT_TRUE(journal_.Give(journal_.Undelete(id)).ok());
  EXPECT_EQ(journal_.LifeOf(id), kLive);
  EXPECT_EQ(journal_.retention().Find(id)->undeleted_at, journal_.now());

  ASSERT_TRUE(journal_.Give(journal_.Expire({id})).ok());
  journal_.Pass(13 * kDay);
  EXPECT_TRUE(journal_.retention().DueForPurge(journal_.now()).empty());
  journal_.Pass(kDay);
  ASSERT_EQ(journal_.retention().DueForPurge(journal_.now()),
            std::vector<SnapshotId>{id});
  ASSERT_TRUE(journal_.Purge({id}).ok());
  EXPECT_EQ(journal_.LifeOf(id), kPurged);
  EXPECT_FALSE(journal_.Give(journal_.Undelete(id)).ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  EXPECT_EQ(journal_.LifeOf(id), kPurged);
  EXPECT_EQ(journal_.state().snapshots().size(), 2u);
}

TEST_F(RetentionStateTest, AnOrderIsOfAnAdminKeyThisServerThisVaultAndOnce) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  const Order order = journal_.Expire({id});
  EXPECT_FALSE(journal_.Give(SignOrder(SigningKey::Generate(), order)).ok());
  Order other_server = order;
  other_server.set_server_id(std::string(24, 's'));
  EXPECT_FALSE(journal_.Give(other_server).ok());
  Order other_vault = order;
  other_vault.set_vault("work");
  EXPECT_FALSE(journal_.Give(other_vault).ok());
  auto changed = SignOrder(journal_.admin(), order);
  changed.mutable_order()->back() ^= 1;
  EXPECT_FALSE(journal_.Give(changed).ok());
  EXPECT_EQ(journal_.LifeOf(id), kLive);
  EXPECT_EQ(journal_.retention().forged_records(), 4u);

  const auto genuine = SignOrder(journal_.admin(), order);
  ASSERT_TRUE(journal_.Give(genuine).ok());
  ASSERT_TRUE(journal_.Give(journal_.Undelete(id)).ok());
  EXPECT_FALSE(journal_.Give(genuine).ok());  // replayed
  EXPECT_EQ(journal_.LifeOf(id), kLive);
  EXPECT_EQ(journal_.retention().forged_records(), 5u);
}

TEST_F(RetentionStateTest, AnOrderKeptBackForAWeekIsVoid) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  const Order order = journal_.Expire({id});
  journal_.Pass(8 * kDay);
  EXPECT_FALSE(journal_.Give(order).ok());
  EXPECT_EQ(journal_.LifeOf(id), kLive);
}

TEST_F(RetentionStateTest, WhatARecordMayNotDoIsNamedAndNotDone) {
  const SnapshotId young = journal_.Commit(web_);
  EXPECT_FALSE(journal_.Tombstone({young}).ok());
  EXPECT_FALSE(journal_.Purge({young}).ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({young})).ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({RandomId<SnapshotId>()})).ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({})).ok());
  EXPECT_FALSE(journal_.Give(journal_.NewOrder()).ok());
  Order foreign = journal_.NewOrder();
  foreign.mutable_revoke_host()->set_host("web1");
  EXPECT_FALSE(journal_.Give(foreign).ok());
  RetentionJournal::VaultRecord second = journal_.records().front();
  second.mutable_init()->set_admin_public_key(std::string(32, 'k'));
  EXPECT_FALSE(journal_.AppendJudged(second).ok());
  EXPECT_EQ(journal_.LifeOf(young), kLive);
  ASSERT_EQ(journal_.retention().forged().size(), 8u);
  EXPECT_EQ(journal_.retention().forged()[0].number, 4u);
  EXPECT_TRUE(absl::StrContains(journal_.retention().forged()[2].reason,
                                "min-age is 14.0 days"))
      << journal_.retention().forged()[2].reason;
}

TEST_F(RetentionStateTest, ARecordOfThePastIsForged) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  journal_.Commit(web_);
  const Order order = journal_.Expire({id});
  journal_.Jump(-kDay);
  EXPECT_FALSE(journal_.Give(order).ok());
  EXPECT_EQ(journal_.LifeOf(id), kLive);
}

TEST_F(RetentionStateTest, AllOfAnOrderOrNothing) {
  const SnapshotId old = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  const SnapshotId young = journal_.Commit(web_);
  EXPECT_FALSE(journal_.Give(journal_.Expire({old, young})).ok());
  EXPECT_EQ(journal_.LifeOf(old), kLive);
}

// A lying server can show an admin another history, not have what the journal's
// policies keep signed away.
TEST_F(RetentionStateTest, AnOrderByPolicyExpiresWhatTheJournalLetsGo) {
  std::vector<SnapshotId> ids;
  for (int i = 0; i < 24; ++i) {
    ids.push_back(journal_.Commit(web_));
    journal_.Pass(kDay);
  }
  const RetentionState& retention = journal_.retention();
  const std::vector<SnapshotId> going = retention.GoingBy(
      retention.PlanOf("web1", journal_.now()), journal_.now());
  ASSERT_GE(going.size(), 2u);
  // Past the floor of 14 days, and the last of its week or month.
  const auto kept = std::find_if(ids.begin(), ids.begin() + 9, [&](auto& id) {
    return std::count(going.begin(), going.end(), id) == 0;
  });
  ASSERT_NE(kept, ids.begin() + 9);
  const auto by_policy = [&](const std::vector<SnapshotId>& which) {
    Order order = journal_.Expire(which);
    order.mutable_expire()->set_by_policy(true);
    return order;
  };
  EXPECT_FALSE(journal_.Give(by_policy({going[0], *kept})).ok());
  EXPECT_EQ(journal_.LifeOf(*kept), kLive);
  EXPECT_EQ(journal_.LifeOf(going[0]), kLive);
  Order both = by_policy({going[0]});
  both.mutable_expire()->set_override_checks(true);
  EXPECT_FALSE(journal_.Give(both).ok());
  EXPECT_TRUE(journal_.Give(by_policy(going)).ok());
  EXPECT_EQ(journal_.LifeOf(going[0]), kExpired);
  // By name it goes all the same.
  EXPECT_TRUE(journal_.Give(journal_.Expire({*kept})).ok());
  EXPECT_EQ(journal_.LifeOf(*kept), kExpired);
  EXPECT_EQ(retention.forged_records(), 2u);
}

TEST_F(RetentionStateTest, LocksAreOnlyExtended) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  const auto lock = [&](absl::Duration span, const std::string& set) {
    Order order = journal_.NewOrder();
    order.mutable_lock()->set_host("web1");
    order.mutable_lock()->set_set(set);
    order.mutable_lock()->set_until_unix_ns(
        absl::ToUnixNanos(journal_.now() + span));
    return journal_.Give(order);
  };
  ASSERT_TRUE(lock(30 * kDay, "").ok());
  EXPECT_FALSE(lock(29 * kDay, "").ok());
  EXPECT_FALSE(lock(-kDay, "files").ok());
  ASSERT_TRUE(lock(2 * kDay, "files").ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  journal_.Pass(29 * kDay);
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  journal_.Pass(2 * kDay);
  EXPECT_TRUE(journal_.Give(journal_.Expire({id})).ok());
  // A lock keeps what is in the trash already, too.
  journal_.Pass(13 * kDay);
  ASSERT_TRUE(lock(20 * kDay, "files").ok());
  journal_.Pass(10 * kDay);
  EXPECT_FALSE(journal_.Purge({id}).ok());
  journal_.Pass(11 * kDay);
  EXPECT_TRUE(journal_.Purge({id}).ok());
}

TEST_F(RetentionStateTest, AHoldLastsUntilItsScopeIsReleased) {
  const SnapshotId id = journal_.Commit(web_);
  const SnapshotId other = journal_.Commit(db_);
  journal_.Pass(20 * kDay);
  Order hold = journal_.NewOrder();
  hold.mutable_hold()->set_host("web1");
  hold.mutable_hold()->set_reason("audit");
  ASSERT_TRUE(journal_.Give(hold).ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  EXPECT_TRUE(journal_.Give(journal_.Expire({other})).ok());
  Order release = journal_.NewOrder();
  release.mutable_release()->set_sequence(2);
  ASSERT_TRUE(journal_.Give(release).ok());  // of the vault: another scope
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  release = journal_.NewOrder();
  release.mutable_release()->set_host("web1");
  ASSERT_TRUE(journal_.Give(release).ok());
  EXPECT_TRUE(journal_.Give(journal_.Expire({id})).ok());
}

TEST_F(RetentionStateTest, ALoweredFloorWaitsForTheOldOne) {
  const SnapshotId id = journal_.Commit(web_);
  const auto set = [&](int64_t min_age_days, int64_t trash_days) {
    Order order = journal_.NewOrder();
    auto& policy = *order.mutable_set_policy()->mutable_policy();
    policy.set_min_age_s(min_age_days * 86400);
    policy.set_trash_s(trash_days * 86400);
    return journal_.Give(order);
  };
  journal_.Pass(2 * kDay);
  ASSERT_TRUE(set(1, 1).ok());
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  journal_.Pass(11 * kDay);
  EXPECT_FALSE(journal_.Give(journal_.Expire({id})).ok());
  journal_.Pass(4 * kDay);
  const SnapshotId late = journal_.Commit(web_);
  journal_.Pass(2 * kDay);
  ASSERT_TRUE(journal_.Give(journal_.Expire({id, late})).ok());
  journal_.Pass(kDay);
  // Raised at once.
  ASSERT_TRUE(set(1, 30).ok());
  journal_.Pass(20 * kDay);
  EXPECT_FALSE(journal_.Purge({id}).ok());
  journal_.Pass(10 * kDay);
  EXPECT_TRUE(journal_.Purge({id, late}).ok());
  EXPECT_FALSE(set(-5, 1).ok());
}

TEST_F(RetentionStateTest, AJumpOfTheClockMakesNothingOld) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  ASSERT_TRUE(journal_.Give(journal_.Expire({id})).ok());
  const SnapshotId young = journal_.Commit(web_);
  journal_.Jump(3650 * kDay);
  journal_.Commit(web_);
  journal_.Pass(kDay);
  EXPECT_TRUE(journal_.retention().DueForPurge(journal_.now()).empty());
  EXPECT_FALSE(journal_.Purge({id}).ok());
  // The admin's own clock does not know of those years.
  Order order = journal_.Expire({young});
  order.set_issued_unix_ns(absl::ToUnixNanos(journal_.now() - 3650 * kDay));
  EXPECT_FALSE(journal_.Give(order).ok());
  EXPECT_EQ(journal_.LifeOf(young), kLive);
  // It does: the server was off for so long.
  ASSERT_TRUE(journal_.Give(journal_.Expire({young})).ok());
  EXPECT_TRUE(journal_.Purge({id}).ok());
  EXPECT_FALSE(journal_.Purge({young}).ok());
}

TEST_F(RetentionStateTest, ASecondAdminKeyGivesOrders) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  const SigningKey second = SigningKey::Generate();
  Order add = journal_.NewOrder();
  add.set_vault("");
  add.mutable_add_admin_key()->set_public_key(
      std::string(second.verify_key().text()));
  EXPECT_FALSE(journal_.Give(SignOrder(second, add)).ok());
  // The journal of a later vault gets old keys, too.
  journal_.Pass(100 * kDay);
  ASSERT_TRUE(journal_.Give(add).ok());
  EXPECT_TRUE(
      journal_.retention().orders().HasKey(KeyIdOf(second.verify_key())));
  EXPECT_TRUE(journal_.Give(SignOrder(second, journal_.Expire({id}))).ok());
}

TEST_F(RetentionStateTest, AReplayComesToTheSame) {
  const SnapshotId id = journal_.Commit(web_);
  journal_.Pass(20 * kDay);
  ASSERT_TRUE(journal_.Give(journal_.Expire({id})).ok());
  ASSERT_FALSE(journal_.Tombstone({id, RandomId<SnapshotId>()}).ok());
  journal_.Pass(20 * kDay);
  ASSERT_TRUE(journal_.Purge({id}).ok());
  VaultState again;
  for (const auto& record : journal_.records()) {
    ASSERT_TRUE(again.Apply(record).ok());
  }
  EXPECT_EQ(again.retention().Find(id)->life, kPurged);
  EXPECT_EQ(again.retention().forged_records(), 1u);
}

// The copy must not make the original go, nor count as a snapshot of its day.
TEST_F(RetentionStateTest, ASnapshotIsCommittedOnce) {
  const SnapshotId id = journal_.Commit(web_);
  VaultRecord copy = journal_.records().back();
  journal_.Pass(kDay);
  journal_.Commit(web_);
  for (uint64_t sequence : {1, 3}) {
    copy.mutable_commit()->set_sequence(sequence);
    const absl::Status status = journal_.AppendJudged(copy);
    EXPECT_TRUE(absl::StrContains(status.message(), "a second time")) << status;
  }
  EXPECT_EQ(journal_.state().snapshots().size(), 2u);
  EXPECT_EQ(journal_.retention().Find(id)->sequence, 1u);
  // The next one goes on as if they were not there.
  journal_.Commit(web_);
  EXPECT_EQ(journal_.state().snapshots().size(), 3u);
}

TEST_F(RetentionStateTest, ARemovedPackComesBackAsTheSameOnly) {
  const PackId pack = RandomId<PackId>();
  const auto removed = [&] {
    return FindPack(journal_.state().packs(), pack)->removed;
  };
  VaultRecord sealed;
  sealed.mutable_pack_sealed()->set_pack(std::string(pack.text()));
  sealed.mutable_pack_sealed()->set_length(100);
  sealed.mutable_pack_sealed()->set_objects(1);
  sealed.mutable_pack_sealed()->set_toc_hash(std::string(32, 'h'));
  VaultRecord record;
  record.mutable_pack_removed()->set_pack(std::string(pack.text()));
  journal_.Append(sealed);
  journal_.Append(record);
  VaultRecord other = sealed;
  other.mutable_pack_sealed()->set_length(101);
  EXPECT_FALSE(journal_.AppendJudged(other).ok());
  other = sealed;
  other.mutable_pack_sealed()->set_toc_hash(std::string(32, 'i'));
  EXPECT_FALSE(journal_.AppendJudged(other).ok());
  EXPECT_TRUE(removed());
  EXPECT_TRUE(journal_.AppendJudged(sealed).ok());
  EXPECT_FALSE(removed());
  journal_.Append(record);
  EXPECT_TRUE(removed());
}

TEST_F(RetentionStateTest, ACommitIsOfTheHostSetAndSessionOfItsManifest) {
  TestHost other = journal_.MakeHost("web1", "other");
  journal_.Commit(other);
  const VaultRecord true_record = journal_.records().back();
  RetentionJournal journal;
  VaultRecord record = true_record;
  record.mutable_commit()->set_set("files");
  EXPECT_FALSE(journal.AppendJudged(record).ok());
  record = true_record;
  record.mutable_commit()->set_host("db1");
  EXPECT_FALSE(journal.AppendJudged(record).ok());
  record = true_record;
  record.mutable_commit()->set_session(
      std::string(RandomId<SessionId>().text()));
  EXPECT_FALSE(journal.AppendJudged(record).ok());
  EXPECT_TRUE(journal.state().snapshots().empty());
  EXPECT_TRUE(journal.AppendJudged(true_record).ok());
  EXPECT_EQ(journal.state().snapshots().size(), 1u);
}

TEST_F(RetentionStateTest, ACommitIsSignedByAHostOfTheVault) {
  const TestVault& vault = journal_.vault();
  TestHost foreign = TestVault().MakeHost("web1", 9);
  journal_.Commit(web_);
  journal_.Commit(web_);
  const SnapshotId of_another_vault = journal_.Commit(foreign);
  VaultState strict;
  strict.RequireSignedCommits(vault.registration().id,
                              vault.registration().verify_key);
  for (const auto& record : journal_.records()) {
    ASSERT_TRUE(strict.Apply(record).ok());
  }
  EXPECT_EQ(strict.snapshots().size(), 2u);
  EXPECT_EQ(strict.retention().Find(of_another_vault), nullptr);
  EXPECT_EQ(strict.retention().forged_records(), 1u);

  // The certificate is genuine and known, the signature is not the host's.
  journal_.Commit(web_);
  VaultRecord unsigned_record = journal_.records().back();
  unsigned_record.mutable_commit()->set_sequence(3);
  std::string& manifest = *unsigned_record.mutable_commit()->mutable_manifest();
  manifest.back() = static_cast<char>(manifest.back() ^ 1);
  ASSERT_TRUE(strict.Apply(unsigned_record).ok());
  EXPECT_EQ(strict.snapshots().size(), 2u);
  EXPECT_EQ(strict.retention().forged_records(), 2u);
  EXPECT_TRUE(absl::StrContains(strict.retention().forged().back().reason,
                                "not signed by host"))
      << strict.retention().forged().back().reason;
}

}  // namespace
}  // namespace nightsafe
