#include "tests/unit/server/catalog/registry_test_base.h"

namespace nightsafe {
namespace {

using v1::format::Order;
using v1::format::SignedOrder;

class AdminsTest : public RegistryTest {
 protected:
  Order Adding(const std::string& name, const KeyFingerprint& key) {
    Order order = NewOrder();
    order.mutable_add_admin()->set_name(name);
    order.mutable_add_admin()->set_public_key_fingerprint(
        std::string(key.text()));
    return order;
  }
  Order Revoking(const std::string& name) {
    Order order = NewOrder();
    order.mutable_revoke_admin()->set_admin(name);
    return order;
  }
  absl::StatusOr<IssuedCertificate> Submit(const SignedOrder& order,
                                           const KeyFingerprint& key) {
    return registry_->AddAdmin(
        order, key,
        [this](const TokenGrant& grant) -> absl::StatusOr<IssuedCertificate> {
          EXPECT_EQ(grant.kind, PrincipalKind::kAdmin);
          return Certificate(grant.name);
        });
  }
  absl::StatusOr<IssuedCertificate> Add(const std::string& name,
                                        const KeyFingerprint& key) {
    return Submit(SignOrder(admin_, Adding(name, key)), key);
  }
  absl::Status RevokeAdmin(const std::string& name) {
    return registry_->Submit(SignOrder(admin_, Revoking(name)));
  }
  absl::StatusOr<IssuedCertificate> RenewAdmin(const std::string& name,
                                               const KeyFingerprint& key) {
    return registry_->Renew({.kind = PrincipalKind::kAdmin, .name = name}, key,
                            [&] { return Certificate(name); });
  }
  IssuedCertificate Certificate(const std::string& name) {
    ++issued_;
    return {.der = absl::StrCat("cert ", issued_, " for admin ", name),
            .not_after = clock_.now + absl::Hours(8760)};
  }
  absl::Status AddReader(const std::string& name, absl::string_view token) {
    return registry_->AddReader(name, {"home"}, HashToken(token),
                                clock_.now + absl::Hours(1));
  }
};

TEST_F(AdminsTest, AnOrderAddsOneAndItIsRemembered) {
  const auto added = Add("ops", Key(1));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->der, "cert 1 for admin ops");
  Reopen();
  const AdminRegistration ops = registry_->FindAdmin("ops").value();
  EXPECT_EQ(ops.fingerprint, Key(1));
  EXPECT_EQ(ops.certificate_expires, added->not_after);
  EXPECT_FALSE(ops.revoked);
  EXPECT_EQ(registry_->Admins().size(), 1u);
  EXPECT_TRUE(absl::IsNotFound(registry_->FindAdmin("other").status()));
  EXPECT_TRUE(absl::IsNotFound(registry_->FindReader("ops").status()));
}

// The answer may have been lost, and so may the order.
TEST_F(AdminsTest, TheSameNameAndKeyGetTheSameCertificate) {
  const SignedOrder order = SignOrder(admin_, Adding("ops", Key(1)));
  const IssuedCertificate first = Submit(order, Key(1)).value();
  Reopen();
  EXPECT_EQ(Submit(order, Key(1))->der, first.der);
  EXPECT_EQ(Add("ops", Key(1))->der, first.der);
  EXPECT_EQ(issued_, 1);
}

TEST_F(AdminsTest, OnlyAdminKeysAddAndRevoke) {
  const SigningKey other = SigningKey::Generate();
  EXPECT_TRUE(absl::IsPermissionDenied(
      Submit(SignOrder(other, Adding("ops", Key(1))), Key(1)).status()));
  Order foreign = Adding("ops", Key(1));
  foreign.set_server_id(std::string(ServerId::kSize, 'x'));
  EXPECT_TRUE(absl::IsPermissionDenied(
      Submit(SignOrder(admin_, foreign), Key(1)).status()));
  ASSERT_TRUE(Add("ops", Key(1)).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      registry_->Submit(SignOrder(other, Revoking("ops")))));
  EXPECT_FALSE(registry_->FindAdmin("ops")->revoked);
  EXPECT_EQ(issued_, 1);
}

TEST_F(AdminsTest, TheOrderNamesTheKey) {
  const SignedOrder order = SignOrder(admin_, Adding("ops", Key(1)));
  EXPECT_TRUE(absl::IsInvalidArgument(Submit(order, Key(2)).status()));
  Order reader = NewOrder();
  reader.mutable_revoke_reader()->set_reader("ops");
  EXPECT_TRUE(absl::IsInvalidArgument(
      Submit(SignOrder(admin_, reader), Key(1)).status()));
  // Without a certificate request it is no way in.
  EXPECT_TRUE(absl::IsInvalidArgument(registry_->Submit(order)));
  Order of_vault = Adding("ops", Key(1));
  of_vault.set_vault("home");
  EXPECT_TRUE(absl::IsInvalidArgument(
      Submit(SignOrder(admin_, of_vault), Key(1)).status()));
  for (const char* name : {"", "Ops", "a/b", "..", "admin/ops"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Add(name, Key(1)).status())) << name;
  }
  EXPECT_EQ(issued_, 0);
  EXPECT_TRUE(registry_->Admins().empty());
}

TEST_F(AdminsTest, ARevocationIsFinalForNameAndKey) {
  const SignedOrder order = SignOrder(admin_, Adding("ops", Key(1)));
  ASSERT_TRUE(Submit(order, Key(1)).ok());
  const uint64_t before = registry_->revocations();
  ASSERT_TRUE(RevokeAdmin("ops").ok());
  EXPECT_EQ(registry_->revocations(), before + 1);
  Reopen();
  EXPECT_TRUE(registry_->FindAdmin("ops")->revoked);
  EXPECT_TRUE(absl::IsAlreadyExists(Submit(order, Key(1)).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Add("ops", Key(1)).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Add("ops", Key(2)).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Add("new", Key(1)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(RenewAdmin("ops", Key(1)).status()));
  EXPECT_TRUE(absl::IsNotFound(RevokeAdmin("nobody")));
  EXPECT_EQ(issued_, 1);
  EXPECT_TRUE(Add("new", Key(2)).ok());
}

TEST_F(AdminsTest, ANameThatWasRevokedIsNoOthersEither) {
  ASSERT_TRUE(AddReader("ann", "r").ok());
  ASSERT_TRUE(Use("r", Key(1)).ok());
  ASSERT_TRUE(Add("ann", Key(2)).ok());  // one person, two credentials
  ASSERT_TRUE(RevokeAdmin("ann").ok());
  EXPECT_FALSE(registry_->FindReader("ann")->revoked);
  ASSERT_TRUE(Add("bob", Key(3)).ok());
  ASSERT_TRUE(RevokeAdmin("bob").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(AddReader("bob", "b")));
  ASSERT_TRUE(AddReader("eve", "e").ok());
  Order order = NewOrder();
  order.mutable_revoke_reader()->set_reader("eve");
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, order)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Add("eve", Key(4)).status()));
  Reopen();
  EXPECT_TRUE(registry_->FindAdmin("bob")->revoked);
}

TEST_F(AdminsTest, AKeyIsOfOnePrincipal) {
  ASSERT_TRUE(AddHost("web1", "h").ok());
  ASSERT_TRUE(Use("h", Key(1)).ok());
  ASSERT_TRUE(AddReader("ann", "r").ok());
  ASSERT_TRUE(Use("r", Key(2)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Add("ops", Key(1)).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Add("ops", Key(2)).status()));
  ASSERT_TRUE(Add("ops", Key(3)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Add("ops2", Key(3)).status()));
  ASSERT_TRUE(AddReader("bob", "b").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Use("b", Key(3)).status()));
  EXPECT_FALSE(registry_->FindReader("bob")->enrolled);
}

TEST_F(AdminsTest, RenewsForTheSameKeyAlone) {
  const IssuedCertificate first = Add("ops", Key(1)).value();
  clock_.now += absl::Hours(24 * 200);
  EXPECT_TRUE(absl::IsPermissionDenied(RenewAdmin("ops", Key(2)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(RenewAdmin("eve", Key(1)).status()));
  const auto renewed = RenewAdmin("ops", Key(1));
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_NE(renewed->der, first.der);
  Reopen();
  EXPECT_EQ(registry_->FindAdmin("ops")->certificate_expires,
            renewed->not_after);
  EXPECT_EQ(Add("ops", Key(1))->der, renewed->der);
}

TEST_F(AdminsTest, ACertificateThatWasNotRecordedDoesNotLeave) {
  fs_.FailMutatingCall(0, absl::UnavailableError("disk"));
  EXPECT_FALSE(Add("ops", Key(1)).ok());
  EXPECT_TRUE(registry_->Admins().empty());
}

}  // namespace
}  // namespace nightsafe
