#include "client/credential/renewal.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "absl/strings/str_cat.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

class RenewalTest : public testing::Test {
 protected:
  void SetUp() override {
    InitCrypto();
    std::string pattern = absl::StrCat(testing::TempDir(), "/renew.XXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    credential_.name = "web1";
    credential_.vaults = {{.name = "main", .id = RandomId<VaultId>()}};
    credential_.server_id = identity_.server;
    credential_.ca_certificate_pem = DerToPem(AsBytes(ca_.certificate_der));
    credential_.private_key_pem = *GeneratePrivateKeyPem();
    const auto first = Issue(kNow, identity_);
    ASSERT_TRUE(first.ok()) << first.status();
    credential_.certificate_pem = DerToPem(AsBytes(*first));
    ASSERT_TRUE(SaveCredential(*fs_, directory_, credential_).ok());
  }

  static Issuer MakeCa() {
    Issuer ca{.key_pem = *GeneratePrivateKeyPem()};
    ca.certificate_der =
        *MakeCaCertificateDer(ca.key_pem, "test", kNow, kNow + 20 * kYear);
    return ca;
  }
  absl::StatusOr<std::string> Issue(absl::Time begin,
                                    const PeerIdentity& identity) {
    const std::string csr = *MakeCsrDer(credential_.private_key_pem);
    return IssueClientCertificateDer(ca_, AsBytes(csr), identity, begin,
                                     begin + kYear);
  }
  std::string OnDisk() {
    return LoadCredential(*fs_, directory_)->certificate_pem;
  }
  void ExpectRefused(const absl::StatusOr<std::string>& der) {
    ASSERT_TRUE(der.ok()) << der.status();
    const std::string before = credential_.certificate_pem;
    EXPECT_TRUE(absl::IsDataLoss(
        TakeRenewedCertificate(*fs_, directory_, AsBytes(*der), credential_)
            .status()));
    EXPECT_EQ(credential_.certificate_pem, before);
    EXPECT_EQ(OnDisk(), before);
  }

  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  std::string directory_;
  Issuer ca_ = MakeCa();
  PeerIdentity identity_{RandomId<ServerId>(), PeerRole::kHost, "main", "web1"};
  Credential credential_;
};

TEST_F(RenewalTest, IsDueAfterATwelfthOfTheLife) {
  const CertificateView view =
      *InspectCertificatePem(credential_.certificate_pem);
  EXPECT_EQ(RenewalTime(view), kNow + kYear / 12);
}

TEST_F(RenewalTest, TakesALaterOneOfTheSameKeyAndName) {
  const auto later = Issue(kNow + absl::Hours(24 * 40), identity_);
  const auto taken =
      TakeRenewedCertificate(*fs_, directory_, AsBytes(*later), credential_);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE(*taken);
  EXPECT_EQ(credential_.certificate_pem, DerToPem(AsBytes(*later)));
  EXPECT_EQ(OnDisk(), credential_.certificate_pem);
}

TEST_F(RenewalTest, KeepsWhatLivesLonger) {
  const std::string before = credential_.certificate_pem;
  const auto earlier = Issue(kNow - absl::Hours(1), identity_);
  const auto taken =
      TakeRenewedCertificate(*fs_, directory_, AsBytes(*earlier), credential_);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_FALSE(*taken);
  EXPECT_EQ(OnDisk(), before);
}

TEST_F(RenewalTest, RefusesWhatIsNotItsOwn) {
  const absl::Time later = kNow + absl::Hours(24 * 40);
  ExpectRefused(std::string("no certificate"));
  PeerIdentity other = identity_;
  other.name = "db1";
  ExpectRefused(Issue(later, other));
  const std::string key = *GeneratePrivateKeyPem();
  const std::string csr = *MakeCsrDer(key);
  ExpectRefused(IssueClientCertificateDer(ca_, AsBytes(csr), identity_, later,
                                          later + kYear));
  ca_ = MakeCa();
  ExpectRefused(Issue(later, identity_));
}

}  // namespace
}  // namespace nightsafe
