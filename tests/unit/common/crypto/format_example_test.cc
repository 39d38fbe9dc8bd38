// The worked example of common/crypto/FORMAT.md.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "common/base/cursor.h"
#include "common/crypto/domain_keys.h"
#include "common/crypto/keyring.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

class FormatExample : public testing::Test {
 protected:
  const std::string& Get(const std::string& name) const {
    return example_.at(name);
  }
  ByteView View(const std::string& name) const { return AsBytes(Get(name)); }
  std::string Hex(const std::string& name) const {
    return HexEncode(View(name));
  }
  Secret32 SecretOf(const std::string& name) const {
    return std::move(Secret32::FromBytes(View(name))).value();
  }
  SigningKey VaultKey() const {
    return SigningKey::FromSeed(SecretOf("vault signing seed"));
  }
  VaultId Vault() const { return VaultIdOf(VaultKey().verify_key()); }

  v1::format::HostCertificate Certificate() const {
    v1::format::HostCertificate certificate;
    certificate.set_suite(1);
    certificate.set_vault_id(Get("vault id"));
    certificate.set_issuer_key_id(Get("issuer key id"));
    certificate.set_host("web1");
    certificate.set_host_epoch(1);
    certificate.set_host_verify_key(Get("host verify key"));
    certificate.set_domain("web1");
    certificate.set_domain_epoch(1);
    certificate.set_opening_key_id(Get("opening key id"));
    certificate.set_signature(Get("certificate signature"));
    return certificate;
  }

 private:
  const std::map<std::string, std::string> example_ =
      ReadFormatExample("common/crypto/FORMAT.md");
};

TEST_F(FormatExample, KeysAndIds) {
  const BoxKey opening = BoxKey::FromSecret(SecretOf("opening secret"));
  const SigningKey host = SigningKey::FromSeed(SecretOf("host signing seed"));
  EXPECT_EQ(VaultKey().verify_key().Hex(), Hex("vault verify key"));
  EXPECT_EQ(opening.public_key().Hex(), Hex("opening public key"));
  EXPECT_EQ(host.verify_key().Hex(), Hex("host verify key"));
  EXPECT_EQ(Vault().Hex(), Hex("vault id"));
  EXPECT_EQ(KeyIdOf(VaultKey().verify_key()).Hex(), Hex("issuer key id"));
  EXPECT_EQ(KeyIdOf(opening.public_key()).Hex(), Hex("opening key id"));
}

TEST_F(FormatExample, HostCertificate) {
  const Signature signature =
      VaultKey().Sign("nightsafe host cert v1", View("certificate statement"));
  EXPECT_EQ(signature.Hex(), Hex("certificate signature"));
  const absl::Status status =
      VerifyHostCertificate(Certificate(), Vault(), VaultKey().verify_key());
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(FormatExample, DomainKeys) {
  const Secret32 secret =
      DeriveDomainSecret(SecretOf("vault secret"), "web1", 1);
  EXPECT_EQ(HexEncode(secret.view()), Hex("domain secret"));
  const DomainKeys keys(secret);
  EXPECT_EQ(HexEncode(keys.message_key.view()), Hex("message key"));
  EXPECT_EQ(HexEncode(keys.fingerprint_key.view()), Hex("fingerprint key"));
  EXPECT_EQ(HexEncode(keys.cut_key.view()), Hex("cut key"));
  EXPECT_EQ(HexEncode(keys.boundary_key.view()), Hex("boundary key"));
  EXPECT_EQ(keys.FingerprintOf(AsBytes("night safe")).Hex(),
            Hex("fingerprint of \"night safe\""));
  ByteCursor first(View("gear table, first block"));
  ByteCursor last(View("gear table, last block"));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(keys.gear_table[i], first.U64());
    EXPECT_EQ(keys.gear_table[252 + i], last.U64());
  }
}

TEST_F(FormatExample, SealedBox) {
  const BoxKey opening = BoxKey::FromSecret(SecretOf("opening secret"));
  absl::StatusOr<std::string> plain =
      OpenSealed(opening, "nightsafe keyring recipient v1", View("vault id"),
                 View("sealed box"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain, "night safe");
}

TEST_F(FormatExample, KeyringOfTwoEditions) {
  EXPECT_EQ(
      VaultKey()
          .Sign("nightsafe keyring edition v1", View("edition 2 statement"))
          .Hex(),
      Hex("edition 2 signature"));
  v1::format::Keyring message;
  message.set_vault_id(Get("vault id"));
  const auto add = [&message](const std::string& opening,
                              const std::string& seed,
                              const std::string& vault_secret) {
    v1::format::KeyringEdition* edition = message.add_editions();
    edition->set_number(static_cast<uint32_t>(message.editions_size()));
    edition->set_opening_secret_key(opening);
    edition->set_opening_public_key(
        std::string(BoxKey::FromSecret(*Secret32::FromBytes(AsBytes(opening)))
                        .public_key()
                        .text()));
    edition->set_signing_secret_key(seed);
    edition->set_verify_key(
        std::string(SigningKey::FromSeed(*Secret32::FromBytes(AsBytes(seed)))
                        .verify_key()
                        .text()));
    edition->set_vault_secret(vault_secret);
    return edition;
  };
  add(Get("opening secret"), Get("vault signing seed"), Get("vault secret"));
  add(std::string(32, 6), std::string(32, 7), std::string(32, 8))
      ->set_signature(Get("edition 2 signature"));
  absl::StatusOr<Keyring> keyring =
      Keyring::Parse(AsBytes(message.SerializeAsString()), Vault());
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  EXPECT_EQ(keyring->Serialize(), message.SerializeAsString());
}

}  // namespace
}  // namespace nightsafe
