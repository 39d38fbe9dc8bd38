// What was written once is opened for ever: the files in tests/vectors/crypto
// are never made anew. Their passphrase is the one below.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/crypto/domain_keys.h"
#include "common/crypto/key_file.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kFolder = "tests/vectors/crypto/";
constexpr absl::string_view kPassphrase = "correct horse battery staple";

class CryptoVectors : public testing::Test {
 protected:
  static std::string File(absl::string_view name) {
    return ReadSourceFile(absl::StrCat(kFolder, name));
  }
  std::string Hex(const std::string& name) const {
    return HexEncode(AsBytes(values_.at(name)));
  }
  ByteView View(const std::string& name) const {
    return AsBytes(values_.at(name));
  }
  VaultId Vault() const { return *VaultId::FromBytes(View("vault id")); }

 private:
  const std::map<std::string, std::string> values_ =
      ReadHexFile(absl::StrCat(kFolder, "values"));
};

TEST_F(CryptoVectors, RecoveryKeyOpensTheSealedKeyring) {
  absl::StatusOr<BoxKey> key =
      DecodeRecoveryKeyFile(File("recovery_key"), kPassphrase);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->public_key().Hex(), Hex("recovery public key"));
  absl::StatusOr<Keyring> keyring =
      OpenKeyring(View("sealed keyring"), *key, Vault());
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  EXPECT_EQ(keyring->verify_key().Hex(), Hex("current verify key"));
  EXPECT_EQ(keyring->opening_public_key().Hex(),
            Hex("current opening public key"));
  ASSERT_TRUE(keyring->has_admin_seed());
  EXPECT_EQ(SigningKey::FromSeed(keyring->admin_seed()).verify_key().Hex(),
            Hex("admin verify key"));
  EXPECT_EQ(keyring->DeriveReadKey().opening_keys.size(), 2u);
}

TEST_F(CryptoVectors, ReadKey) {
  absl::StatusOr<ReadKey> key =
      DecodeReadKeyFile(File("read_key"), kPassphrase);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->vault_id, Vault());
  ASSERT_EQ(key->opening_keys.size(), 2u);
  EXPECT_EQ(key->opening_keys[1].public_key().Hex(),
            Hex("current opening public key"));
}

TEST_F(CryptoVectors, EnrolKey) {
  absl::StatusOr<EnrolKey> key =
      DecodeEnrolKeyFile(File("enrol_key"), kPassphrase);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->signing_key.verify_key().Hex(), Hex("current verify key"));
  EXPECT_EQ(HexEncode(key->vault_secret.view()), Hex("vault secret"));
  EXPECT_EQ(HexEncode(DeriveDomainSecret(key->vault_secret, "web1", 2).view()),
            Hex("domain secret"));
}

TEST_F(CryptoVectors, AdminKey) {
  absl::StatusOr<SigningKey> key =
      DecodeAdminKeyFile(File("admin_key"), kPassphrase);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->verify_key().Hex(), Hex("admin verify key"));
}

TEST_F(CryptoVectors, DepositKeyAndHostCertificate) {
  absl::StatusOr<DepositKey> key =
      DecodeDepositKeyFile(File("deposit_key"), "");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->signing_key.verify_key().Hex(), Hex("host verify key"));
  EXPECT_EQ(HexEncode(key->domain_secret.view()), Hex("domain secret"));
  v1::format::HostCertificate certificate;
  ASSERT_TRUE(certificate.ParseFromString(
      std::string(AsText(View("host certificate")))));
  const VerifyKey vault_key = *VerifyKey::FromBytes(View("current verify key"));
  for (const auto& found : {certificate, key->certificate}) {
    EXPECT_EQ(found.host(), "web1");
    EXPECT_EQ(found.domain_epoch(), 2u);
    const absl::Status status =
        VerifyHostCertificate(found, Vault(), vault_key);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_F(CryptoVectors, ShowTheirLabels) {
  EXPECT_EQ(DescribeKeyFile(File("recovery_key"))->label,
            "Anna's recovery key");
  EXPECT_EQ(DescribeKeyFile(File("enrol_key"))->label,
            "Schl\xc3\xbcssel zum Einrichten");
}

}  // namespace
}  // namespace nightsafe
