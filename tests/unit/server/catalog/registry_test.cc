#include "tests/unit/server/catalog/registry_test_base.h"

namespace nightsafe {
namespace {

using v1::format::Order;

TEST_F(RegistryTest, RemembersItsServerAndRefusesASecondInit) {
  EXPECT_EQ(registry_->server_id(), server_);
  EXPECT_EQ(registry_->first_admin_key(), admin_.verify_key());
  EXPECT_TRUE(absl::IsAlreadyExists(
      Registry::Init(fs_, Dir(), server_, admin_.verify_key(), clock_)));
  EXPECT_FALSE(Registry::Init(fs_, directory_.Path("other"), server_,
                              SigningKey::Generate().verify_key(), clock_)
                   .ok());
}

TEST_F(RegistryTest, VaultNamesAndIdsAreUnique) {
  EXPECT_TRUE(absl::IsAlreadyExists(registry_->AddVault(MakeVault("home", 9))));
  EXPECT_TRUE(absl::IsAlreadyExists(registry_->AddVault(MakeVault("two", 1))));
  EXPECT_TRUE(
      absl::IsInvalidArgument(registry_->AddVault(MakeVault("../x", 4))));
  ASSERT_TRUE(registry_->AddVault(MakeVault("work", 2)).ok());
  Reopen();
  EXPECT_EQ(registry_->Vaults().size(), 2u);
  EXPECT_EQ(registry_->FindVault("work")->id, MakeVault("work", 2).id);
  EXPECT_TRUE(absl::IsNotFound(registry_->FindVault("none").status()));
}

TEST_F(RegistryTest, HostsGetWriterAndDomainNumbers) {
  ASSERT_TRUE(registry_->AddVault(MakeVault("work", 2)).ok());
  const HostRegistration web1 = AddHost("web1", "t1").value();
  EXPECT_EQ(web1.writer, 1u);
  EXPECT_EQ(web1.domain_number, 1u);
  EXPECT_EQ(web1.domain, "web1");
  EXPECT_EQ(AddHost("web2", "t2", "apart")->domain, "apart");
  Reopen();
  const HostRegistration other =
      registry_->AddHost("work", "web1", "", HashToken("t3"), clock_.now)
          .value();
  EXPECT_EQ(other.writer, 3u);
  EXPECT_EQ(other.domain_number, 1u);
  EXPECT_EQ(registry_->FindHost("home", "web2")->domain_number, 2u);
  EXPECT_EQ(registry_->Hosts().size(), 3u);
  EXPECT_TRUE(absl::IsNotFound(
      registry_->AddHost("none", "a", "", HashToken("t4"), clock_.now)
          .status()));
  EXPECT_TRUE(absl::IsInvalidArgument(AddHost("a/b", "t5").status()));
}

TEST_F(RegistryTest, SharedDomainIsReservedNotOffered) {
  ASSERT_TRUE(AddHost("web1", "t1").ok());
  for (const auto& status : {AddHost("web2", "t2", "web1").status(),
                             AddHost("web1", "t3", "x").status()}) {
    EXPECT_FALSE(status.ok());
  }
  ASSERT_TRUE(AddHost("web3", "t4", "web4").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(AddHost("web4", "t5").status()));
  EXPECT_EQ(registry_->Hosts().size(), 2u);
}

TEST_F(RegistryTest, TokenBindsToOneKeyForEver) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  const IssuedCertificate first = Use("token", Key(1)).value();
  EXPECT_EQ(first.der, "cert 1 for home/web1");
  Reopen();
  clock_.now += absl::Hours(48);  // the token has expired, its key has not
  const IssuedCertificate again = Use("token", Key(1)).value();
  EXPECT_EQ(again.der, first.der);
  EXPECT_EQ(again.not_after, first.not_after);
  EXPECT_EQ(issued_, 1);
  EXPECT_TRUE(absl::IsPermissionDenied(Use("token", Key(2)).status()));
  const HostRegistration host = registry_->FindHost("home", "web1").value();
  EXPECT_TRUE(host.enrolled);
  EXPECT_EQ(host.fingerprint, Key(1));
  EXPECT_EQ(host.certificate_expires, first.not_after);
  EXPECT_TRUE(absl::IsAlreadyExists(AddHost("web1", "more").status()));
}

TEST_F(RegistryTest, BadTokensLookAlike) {
  ASSERT_TRUE(AddHost("used", "used").ok());
  ASSERT_TRUE(Use("used", Key(1)).ok());
  ASSERT_TRUE(AddHost("expired", "expired").ok());
  ASSERT_TRUE(AddHost("replaced", "replaced").ok());
  ASSERT_TRUE(AddHost("replaced", "new").ok());
  clock_.now += absl::Hours(1);
  const absl::Status unknown = Use("unknown", Key(1)).status();
  EXPECT_TRUE(absl::IsPermissionDenied(unknown));
  EXPECT_EQ(Use("used", Key(2)).status(), unknown);
  EXPECT_EQ(Use("expired", Key(2)).status(), unknown);
  EXPECT_EQ(Use("replaced", Key(2)).status(), unknown);
  EXPECT_EQ(issued_, 1);
}

TEST_F(RegistryTest, CertificateLeavesOnlyWhenItsRecordIsDurable) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kSync});
  EXPECT_TRUE(absl::IsUnavailable(Use("token", Key(1)).status()));
  EXPECT_FALSE(registry_->FindHost("home", "web1")->enrolled);
  EXPECT_TRUE(absl::IsFailedPrecondition(AddHost("web2", "t").status()));
  Reopen();
  // The record may have reached the disk; then its certificate is the one.
  EXPECT_TRUE(Use("token", Key(1)).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Use("token", Key(2)).status()));
}

TEST_F(RegistryTest, ReadersAreOfExistingVaults) {
  const absl::Time expires = clock_.now + absl::Hours(1);
  EXPECT_TRUE(absl::IsNotFound(
      registry_->AddReader("ann", {"none"}, HashToken("r"), expires)));
  EXPECT_TRUE(absl::IsInvalidArgument(
      registry_->AddReader("ann", {}, HashToken("r"), expires)));
  ASSERT_TRUE(
      registry_->AddReader("ann", {"home"}, HashToken("r"), expires).ok());
  EXPECT_EQ(Use("r", Key(5))->der, "cert 1 for /ann reader");
  Reopen();
  const ReaderRegistration ann = registry_->FindReader("ann").value();
  EXPECT_TRUE(ann.enrolled);
  EXPECT_EQ(ann.vaults, std::vector<std::string>{"home"});
  EXPECT_EQ(registry_->Readers().size(), 1u);
  EXPECT_TRUE(absl::IsNotFound(registry_->FindReader("bob").status()));
}

TEST_F(RegistryTest, RevocationIsSignedCountedAndFinal) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  ASSERT_TRUE(Use("token", Key(1)).ok());
  const auto order = SignOrder(admin_, Revoke("web1"));
  ASSERT_TRUE(registry_->Submit(order).ok());
  ASSERT_TRUE(registry_->Submit(order).ok());  // the same nonce: nothing
  Reopen();
  EXPECT_EQ(registry_->revocations(), 1u);
  EXPECT_TRUE(registry_->FindHost("home", "web1")->revoked);
  EXPECT_TRUE(absl::IsPermissionDenied(Use("token", Key(1)).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(AddHost("web1", "fresh").status()));
  EXPECT_TRUE(
      absl::IsNotFound(registry_->Submit(SignOrder(admin_, Revoke("nobody")))));
}

TEST_F(RegistryTest, RevokedHostCannotEnrolWithAnOldToken) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, Revoke("web1"))).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Use("token", Key(1)).status()));
  EXPECT_EQ(issued_, 0);
}

TEST_F(RegistryTest, OnlyAdminKeysGiveOrders) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  const SigningKey second = SigningKey::Generate();
  const auto order = SignOrder(second, Revoke("web1"));
  EXPECT_TRUE(absl::IsPermissionDenied(registry_->Submit(order)));
  Order add = NewOrder();
  add.mutable_add_admin_key()->set_public_key(
      std::string(second.verify_key().text()));
  EXPECT_TRUE(
      absl::IsPermissionDenied(registry_->Submit(SignOrder(second, add))));
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, add)).ok());
  Reopen();
  EXPECT_TRUE(registry_->Submit(order).ok());
  EXPECT_TRUE(registry_->FindHost("home", "web1")->revoked);

  Order foreign = Revoke("web1");
  foreign.set_server_id(std::string(ServerId::kSize, 'x'));
  EXPECT_TRUE(
      absl::IsPermissionDenied(registry_->Submit(SignOrder(admin_, foreign))));
}

TEST_F(RegistryTest, ReadOnlySeesEverythingAndWritesNothing) {
  ASSERT_TRUE(AddHost("web1", "token").ok());
  const uint64_t calls = fs_.mutating_calls();
  auto registry = Registry::OpenReadOnly(fs_, Dir(), clock_).value();
  EXPECT_EQ(registry->Hosts().size(), 1u);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(registry->AddVault(MakeVault("work", 2))));
  EXPECT_EQ(fs_.mutating_calls(), calls);
}

TEST_F(RegistryTest, DamagedJournalIsRefusedWithItsPlace) {
  registry_.reset();
  const std::string path = Dir() + "/journal/00000001.seg";
  auto file = posix_->OpenForWrite(path).value();
  ASSERT_TRUE(file->WriteAt(150, AsBytes("x")).ok());
  const absl::Status status = Registry::Open(fs_, Dir(), clock_).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("00000001.seg"), std::string::npos);
}

TEST_F(RegistryTest, RenewsForTheSameKeyAndRemembersIt) {
  ASSERT_TRUE(AddHost("web1", "t").ok());
  const IssuedCertificate first = *Use("t", Key(7));
  clock_.now += absl::Hours(24 * 200);
  const auto renewed = Renew("web1", Key(7));
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_NE(renewed->der, first.der);
  EXPECT_EQ(renewed->not_after, clock_.now + absl::Hours(8760));
  Reopen();
  const HostRegistration host = *registry_->FindHost("home", "web1");
  EXPECT_TRUE(host.enrolled);
  EXPECT_EQ(host.fingerprint, Key(7));
  EXPECT_EQ(host.certificate_expires, renewed->not_after);
  // Who asks again, because the answer was lost or for no reason, gets the same
  // one.
  clock_.now += kRenewalStep - absl::Seconds(1);
  EXPECT_EQ(Renew("web1", Key(7))->der, renewed->der);
  clock_.now += absl::Seconds(1);
  EXPECT_NE(Renew("web1", Key(7))->der, renewed->der);
}

TEST_F(RegistryTest, RenewsForNobodyElse) {
  ASSERT_TRUE(AddHost("web1", "t").ok());
  ASSERT_TRUE(AddHost("late1", "u").ok());
  const IssuedCertificate first = *Use("t", Key(7));
  clock_.now += absl::Hours(24 * 200);
  issued_ = 0;
  EXPECT_TRUE(absl::IsPermissionDenied(Renew("web1", Key(8)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Renew("late1", Key(7)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Renew("nobody", Key(7)).status()));
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, Revoke("web1"))).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Renew("web1", Key(7)).status()));
  EXPECT_EQ(issued_, 0);
  Reopen();
  EXPECT_EQ(registry_->FindHost("home", "web1")->certificate_expires,
            first.not_after);
}

TEST_F(RegistryTest, ACertificateThatWasNotRecordedDoesNotLeave) {
  ASSERT_TRUE(AddHost("web1", "t").ok());
  const IssuedCertificate first = *Use("t", Key(7));
  clock_.now += absl::Hours(24 * 200);
  fs_.FailMutatingCall(0, absl::UnavailableError("disk"));
  EXPECT_FALSE(Renew("web1", Key(7)).ok());
  EXPECT_EQ(registry_->FindHost("home", "web1")->certificate_expires,
            first.not_after);
}

}  // namespace
}  // namespace nightsafe
