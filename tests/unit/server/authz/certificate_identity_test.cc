#include "server/authz/certificate_identity.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "server/authz/authority.h"

namespace nightsafe {
namespace {

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::FromUnixSeconds(1800000000);
};

class CertificateIdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    InitCrypto();
    std::string path = testing::TempDir() + "/identity-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    server_ = MakeServerId(admin_.verify_key());
    ASSERT_TRUE(fs_->MakeDirectory(path + "/server", 0700).ok());
    ASSERT_TRUE(Registry::Init(*fs_, path + "/server", server_,
                               admin_.verify_key(), clock_)
                    .ok());
    registry_ = Registry::Open(*fs_, path + "/server", clock_).value();
    ASSERT_TRUE(Authority::Create(*fs_, path + "/pki", server_, clock_).ok());
    authority_ = Authority::Open(*fs_, path + "/pki", server_, clock_).value();
    VaultRegistration vault;
    vault.name = "main";
    vault.verify_key = admin_.verify_key();
    vault.id = RandomId<VaultId>();
    ASSERT_TRUE(registry_->AddVault(vault).ok());
    identity_ = std::make_unique<CertificateIdentity>(
        *registry_, clock_,
        std::set<v1::Role>{v1::HOST, v1::READER, v1::ADMIN});
  }

  // The certificate, as PEM.
  std::string EnrolHost(const std::string& name, const std::string& csr) {
    const Secret32 token = RandomSecret();
    const TokenHash hash = TokenHash::FromValidBytes(HashOf(token.view()));
    EXPECT_TRUE(
        registry_->AddHost("main", name, "", hash, clock_.now + absl::Hours(1))
            .ok());
    auto issued = registry_->UseToken(
        token.view(),
        KeyFingerprint::FromValidBytes(CsrFingerprint(AsBytes(csr))->view()),
        [&](const TokenGrant& grant) {
          return authority_->Issue(AsBytes(csr), {server_, PeerRole::kHost,
                                                  grant.vault, grant.name});
        });
    EXPECT_TRUE(issued.ok()) << issued.status();
    return DerToPem(AsBytes(issued->der));
  }
  std::string AddAdmin(const std::string& name, const std::string& csr) {
    const auto key =
        KeyFingerprint::FromValidBytes(CsrFingerprint(AsBytes(csr))->view());
    v1::format::Order order;
    order.set_server_id(std::string(server_.text()));
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.mutable_add_admin()->set_name(name);
    order.mutable_add_admin()->set_public_key_fingerprint(
        std::string(key.text()));
    auto issued = registry_->AddAdmin(
        SignOrder(admin_, order), key, [&](const TokenGrant& grant) {
          return authority_->Issue(AsBytes(csr), IdentityOf(server_, grant));
        });
    EXPECT_TRUE(issued.ok()) << issued.status();
    return DerToPem(AsBytes(issued->der));
  }
  std::string Issue(const std::string& csr, const PeerIdentity& identity) {
    return DerToPem(AsBytes(authority_->Issue(AsBytes(csr), identity)->der));
  }
  static std::string NewCsr() { return *MakeCsrDer(*GeneratePrivateKeyPem()); }

  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  FakeClock clock_;
  SigningKey admin_ = SigningKey::Generate();
  ServerId server_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<CertificateIdentity> identity_;
};

TEST_F(CertificateIdentityTest, KnowsAnEnrolledHost) {
  auto principal = identity_->IdentifyPem(EnrolHost("web1", NewCsr()));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->role, v1::HOST);
  EXPECT_EQ(principal->vault, "main");
  EXPECT_EQ(principal->name, "web1");
  EXPECT_FALSE(principal->MayRead("main"));
}

TEST_F(CertificateIdentityTest, ACertificateOfOurCaAloneIsNotEnough) {
  const std::string csr = NewCsr();
  EnrolHost("web1", csr);
  // Right name, another key; and names the registry does not have.
  EXPECT_FALSE(identity_
                   ->IdentifyPem(Issue(
                       NewCsr(), {server_, PeerRole::kHost, "main", "web1"}))
                   .ok());
  for (const PeerIdentity& other :
       {PeerIdentity{server_, PeerRole::kHost, "main", "web2"},
        PeerIdentity{server_, PeerRole::kHost, "other", "web1"},
        PeerIdentity{server_, PeerRole::kReader, "", "web1"},
        PeerIdentity{server_, PeerRole::kAdmin, "", "web1"},
        PeerIdentity{ServerId{}, PeerRole::kHost, "main", "web1"}}) {
    EXPECT_FALSE(identity_->IdentifyPem(Issue(csr, other)).ok())
        << other.ToUri();
  }
}

TEST_F(CertificateIdentityTest, AListenerKnowsItsOwnRolesAlone) {
  const std::string host = EnrolHost("web1", NewCsr());
  const std::string csr = NewCsr();
  const std::string admin = AddAdmin("ops", csr);
  auto principal = identity_->IdentifyPem(admin);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->role, v1::ADMIN);
  EXPECT_EQ(principal->name, "ops");
  EXPECT_FALSE(principal->MayRead("main"));
  const CertificateIdentity peers(*registry_, clock_, {v1::HOST, v1::READER});
  const CertificateIdentity admins(*registry_, clock_, {v1::ADMIN});
  EXPECT_TRUE(peers.IdentifyPem(host).ok());
  EXPECT_FALSE(peers.IdentifyPem(admin).ok());
  EXPECT_FALSE(admins.IdentifyPem(host).ok());
  EXPECT_TRUE(admins.IdentifyPem(admin).ok());
  EXPECT_FALSE(
      CertificateIdentity(*registry_, clock_, {}).IdentifyPem(admin).ok());
  for (const PeerIdentity& other :
       {PeerIdentity{server_, PeerRole::kHost, "main", "ops"},
        PeerIdentity{server_, PeerRole::kReader, "", "ops"},
        PeerIdentity{server_, PeerRole::kAdmin, "", "web1"},
        PeerIdentity{ServerId{}, PeerRole::kAdmin, "", "ops"}}) {
    EXPECT_FALSE(identity_->IdentifyPem(Issue(csr, other)).ok())
        << other.ToUri();
  }
  EXPECT_FALSE(
      identity_
          ->IdentifyPem(Issue(NewCsr(), {server_, PeerRole::kAdmin, "", "ops"}))
          .ok());
}

TEST_F(CertificateIdentityTest, ARevokedAdminIsNobody) {
  const std::string admin = AddAdmin("ops", NewCsr());
  ASSERT_TRUE(identity_->IdentifyPem(admin).ok());
  v1::format::Order order;
  order.set_server_id(std::string(server_.text()));
  order.set_nonce("0123456789abcdef");
  order.mutable_revoke_admin()->set_admin("ops");
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, order)).ok());
  EXPECT_FALSE(identity_->IdentifyPem(admin).ok());
}

TEST_F(CertificateIdentityTest, DatesAndRevocationCount) {
  const std::string pem = EnrolHost("web1", NewCsr());
  const absl::Time begin = clock_.now;
  clock_.now = begin - absl::Hours(1);
  EXPECT_FALSE(identity_->IdentifyPem(pem).ok());
  clock_.now = begin + kClientCertificateLife;
  EXPECT_FALSE(identity_->IdentifyPem(pem).ok());
  clock_.now = begin;
  ASSERT_TRUE(identity_->IdentifyPem(pem).ok());
  v1::format::Order order;
  order.set_server_id(std::string(server_.text()));
  order.set_vault("main");
  order.set_nonce("0123456789abcdef");
  order.mutable_revoke_host()->set_host("web1");
  ASSERT_TRUE(registry_->Submit(SignOrder(admin_, order)).ok());
  EXPECT_FALSE(identity_->IdentifyPem(pem).ok());
}

TEST_F(CertificateIdentityTest, CaAndServerCertificatesAreNobody) {
  EXPECT_FALSE(
      identity_
          ->IdentifyPem(DerToPem(AsBytes(authority_->ca_certificate_der())))
          .ok());
  EXPECT_FALSE(
      identity_
          ->IdentifyPem(DerToPem(AsBytes(authority_->server_certificate_der())))
          .ok());
  EXPECT_FALSE(identity_->IdentifyPem("").ok());
}

}  // namespace
}  // namespace nightsafe
