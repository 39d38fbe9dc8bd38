// Orders about hosts and tokens.
#include "tests/unit/server/catalog/registry_test_base.h"

namespace nightsafe {
namespace {

using v1::format::Order;

TEST_F(RegistryTest, ARekeyedHostEnrolsAnewWithOtherEpochs) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  ASSERT_TRUE(Use("token", Key(1)).ok());
  Order rekey = NewOrder();
  rekey.set_vault("home");
  rekey.mutable_rekey_host()->set_host("web1");
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, rekey)).ok());
  Reopen();
  HostRegistration host = registry_->FindHost("home", "web1").value();
  EXPECT_EQ(host.host_epoch, 2u);
  EXPECT_EQ(host.domain_epoch, 1u);
  EXPECT_FALSE(host.enrolled);
  EXPECT_EQ(host.fingerprint, KeyFingerprint());
  EXPECT_EQ(registry_->revocations(), 1u);
  EXPECT_TRUE(absl::IsPermissionDenied(Use("token", Key(1)).status()));

  rekey = NewOrder();
  rekey.set_vault("home");
  rekey.mutable_rekey_host()->set_host("web1");
  rekey.mutable_rekey_host()->set_stolen(true);
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, rekey)).ok());
  host = AddHost("web1", "fresh").value();
  EXPECT_EQ(host.host_epoch, 3u);
  EXPECT_EQ(host.domain_epoch, 2u);
  EXPECT_EQ(host.domain_number, 1u);
  ASSERT_TRUE(Use("fresh", Key(2)).ok());
  Reopen();
  EXPECT_EQ(registry_->FindHost("home", "web1")->fingerprint, Key(2));
}

TEST_F(RegistryTest, ARemovedHostIsListedAgainWhenItIsReplaced) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  ASSERT_TRUE(Use("token", Key(1)).ok());
  Order remove = NewOrder();
  remove.set_vault("home");
  remove.mutable_remove_host()->set_host("web1");
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, remove)).ok());
  Reopen();
  EXPECT_TRUE(registry_->Hosts().empty());
  EXPECT_TRUE(registry_->FindHost("home", "web1")->revoked);
  EXPECT_TRUE(absl::IsAlreadyExists(AddHost("web1", "again").status()));
  Order replace = NewOrder();
  replace.set_vault("home");
  replace.mutable_replace_host()->set_host("web1");
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, replace)).ok());
  EXPECT_EQ(AddHost("web1", "again")->host_epoch, 2u);
  EXPECT_EQ(registry_->Hosts().size(), 1u);
  // Its numbers are never another host's.
  EXPECT_EQ(AddHost("web2", "other")->domain_number, 2u);
}

// Whoever kept it back would let in again whom the admin has revoked since.
TEST_F(RegistryTest, AnOrderThatLetsAHostInAgainCountsForAWeek) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  ASSERT_TRUE(Use("token", Key(1)).ok());
  Order rekey = NewOrder();
  rekey.set_vault("home");
  rekey.mutable_rekey_host()->set_host("web1");
  Order replace = NewOrder();
  replace.set_vault("home");
  replace.mutable_replace_host()->set_host("web1");
  const Order revoke = Revoke("web1");
  const absl::Time signed_at = clock_.now;
  for (const Order& order : {rekey, replace}) {
    for (const absl::Time now : {signed_at + absl::Hours(7 * 24 + 1),
                                 signed_at - absl::Hours(7 * 24 + 1)}) {
      clock_.now = now;
      EXPECT_TRUE(absl::IsFailedPrecondition(
          registry_->Submit(SignOrder(admin_, order))));
    }
  }
  EXPECT_EQ(registry_->FindHost("home", "web1")->host_epoch, 1u);
  // To revoke is never too late.
  clock_.now = signed_at + absl::Hours(24 * 365);
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, revoke)).ok());
  clock_.now = signed_at + absl::Hours(7 * 24);
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, rekey)).ok());
  // What was carried out stays so, and given again it does nothing.
  clock_.now = signed_at + absl::Hours(24 * 365);
  EXPECT_TRUE(registry_->Submit(SignOrder(admin_, rekey)).ok());
  Reopen();
  EXPECT_EQ(registry_->FindHost("home", "web1")->host_epoch, 2u);
  EXPECT_FALSE(registry_->FindHost("home", "web1")->revoked);
}

TEST_F(RegistryTest, AnUnusedTokenIsRevoked) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  ASSERT_TRUE(AddHost("web2", "used").ok());
  ASSERT_TRUE(Use("used", Key(2)).ok());
  ASSERT_EQ(registry_->Tokens().size(), 2u);
  const auto revoke = [&](absl::string_view token) {
    Order order = NewOrder();
    order.mutable_revoke_token()->set_token_hash(
        std::string(HashToken(token).text()));
    return registry_->Submit(SignOrder(admin_, order));
  };
  ASSERT_TRUE(revoke("token").ok());
  EXPECT_TRUE(absl::IsNotFound(revoke("token")));
  EXPECT_TRUE(absl::IsFailedPrecondition(revoke("used")));
  Reopen();
  EXPECT_TRUE(absl::IsPermissionDenied(Use("token", Key(1)).status()));
  ASSERT_EQ(registry_->Tokens().size(), 1u);
  EXPECT_TRUE(registry_->Tokens()[0].used);
}

TEST_F(RegistryTest, OrdersAboutSnapshotsAreNotTaken) {
  Order order = NewOrder();
  order.set_vault("home");
  order.mutable_hold()->set_host("web1");
  EXPECT_TRUE(
      absl::IsInvalidArgument(registry_->Submit(SignOrder(admin_, order))));
}

}  // namespace
}  // namespace nightsafe
