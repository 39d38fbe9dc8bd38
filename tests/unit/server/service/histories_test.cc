#include "server/service/histories.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

using v1::format::Order;

class HistoriesTest : public VaultTest {
 protected:
  void DepositDaily(const TestTree& tree, int days) {
    for (int day = 0; day < days; ++day) {
      clock_.Set(clock_.Now() + absl::Hours(24));
      ASSERT_TRUE(Deposit(web_, tree).ok());
    }
  }
  absl::Status Give(Order order) {
    order.set_server_id(std::string(server_.text()));
    order.set_vault("home");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(clock_.Now()));
    return vault_->Obey(SignOrder(admin_key_, order));
  }
  v1::ListHistoriesReply History() {
    const auto replies = vault_->Read([&](const VaultState& state) {
      return ToHistories(state, "web1", clock_.Now());
    });
    EXPECT_EQ(replies.size(), 1u);
    return replies.at(0);
  }
  bool IsFlagged() {
    v1::HostRecord record;
    record.set_name("web1");
    vault_->Read([&](const VaultState& state) {
      AddRetention(state, clock_.Now(), record);
    });
    return std::count(record.flags().begin(), record.flags().end(),
                      "suspicious") > 0;
  }
};

// The server's own plan counts it until it is released, so the client is told.
TEST_F(HistoriesTest, ASuspiciousSnapshotCountsAlsoWhenItIsInTheTrash) {
  const TestTree ordinary = web_.MakeTree(24, 50'000, 1);
  DepositDaily(ordinary, 8);
  EXPECT_EQ(History().suspect_since(), 0u);
  EXPECT_FALSE(IsFlagged());
  DepositDaily(web_.MakeTree(24, 50'000, 2), 1);
  const SnapshotId suspect = ledger_.back().snapshot;
  EXPECT_EQ(History().suspect_since(), 9u);
  DepositDaily(ordinary, 16);
  Order expire;
  expire.mutable_expire()->add_snapshots(std::string(suspect.text()));
  expire.mutable_expire()->set_override_checks(true);
  ASSERT_TRUE(Give(expire).ok());
  EXPECT_EQ(History().live_size(), 24);
  EXPECT_EQ(History().suspect_since(), 9u);
  EXPECT_TRUE(absl::StrContains(History().suspicion(), "it keeps 0 %"))
      << History().suspicion();
  EXPECT_TRUE(IsFlagged());

  // What to do names the last one that is shown.
  const HostPlan plan = vault_->Plans("web1").at(0);
  ASSERT_FALSE(plan.refusals.empty());
  EXPECT_TRUE(absl::StrContains(plan.refusals[0].message,
                                "release web1/files --upto 25"))
      << plan.refusals[0].message;
  DepositDaily(web_.MakeTree(24, 50'000, 3), 1);
  Order release;
  release.mutable_release()->set_host("web1");
  release.mutable_release()->set_set("files");
  release.mutable_release()->set_sequence(25);
  ASSERT_TRUE(Give(release).ok());
  EXPECT_EQ(History().suspect_since(), 26u);
  release.mutable_release()->set_sequence(26);
  ASSERT_TRUE(Give(release).ok());
  EXPECT_EQ(History().suspect_since(), 0u);
  EXPECT_EQ(History().suspicion(), "");
  EXPECT_FALSE(IsFlagged());
}

}  // namespace
}  // namespace nightsafe
