#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "common/crypto/domain_keys.h"
#include "common/crypto/keyring.h"

namespace nightsafe {
namespace {

using v1::format::HostCertificate;

constexpr auto kPermissionDenied = absl::StatusCode::kPermissionDenied;

struct Vault {
  Keyring keyring = Keyring::Create();
  EnrolKey enrol = keyring.DeriveEnrolKey();

  DepositKey Mint() const {
    return MintDepositKey(enrol, "web1", 1, "web1", 1);
  }
  absl::Status Verify(const HostCertificate& certificate) const {
    return VerifyHostCertificate(certificate, keyring.vault_id(),
                                 keyring.verify_key());
  }
};

// The certificate, signed again by the vault: what is left is its form.
HostCertificate SignedAgain(HostCertificate c, const SigningKey& vault_key) {
  std::string s;
  const auto number = [&](uint32_t value) {
    for (int i = 0; i < 4; ++i) s.push_back(static_cast<char>(value >> 8 * i));
  };
  const auto field = [&](const std::string& bytes) {
    number(static_cast<uint32_t>(bytes.size()));
    s += bytes;
  };
  number(c.suite());
  field(c.vault_id());
  field(c.issuer_key_id());
  field(c.host());
  number(c.host_epoch());
  field(c.host_verify_key());
  field(c.domain());
  number(c.domain_epoch());
  field(c.opening_key_id());
  c.set_signature(
      std::string(vault_key.Sign("nightsafe host cert v1", AsBytes(s)).text()));
  return c;
}

TEST(HostCertificate, NamesWhatItWasMintedFor) {
  const Vault vault;
  const DepositKey key = MintDepositKey(vault.enrol, "web1", 2, "shared", 3);
  const HostCertificate& certificate = key.certificate;
  EXPECT_TRUE(vault.Verify(certificate).ok()) << vault.Verify(certificate);
  EXPECT_EQ(certificate.suite(), 1u);
  EXPECT_EQ(certificate.vault_id(), vault.keyring.vault_id().text());
  EXPECT_EQ(certificate.issuer_key_id(),
            KeyIdOf(vault.keyring.verify_key()).text());
  EXPECT_EQ(certificate.host(), "web1");
  EXPECT_EQ(certificate.host_epoch(), 2u);
  EXPECT_EQ(certificate.host_verify_key(), key.signing_key.verify_key().text());
  EXPECT_EQ(certificate.domain(), "shared");
  EXPECT_EQ(certificate.domain_epoch(), 3u);
  EXPECT_EQ(certificate.opening_key_id(),
            KeyIdOf(vault.keyring.opening_public_key()).text());
  EXPECT_EQ(
      HexEncode(key.domain_secret.view()),
      HexEncode(
          DeriveDomainSecret(vault.enrol.vault_secret, "shared", 3).view()));
}

TEST(HostCertificate, HasANewKeyEachTime) {
  const Vault vault;
  EXPECT_NE(vault.Mint().signing_key.verify_key(),
            vault.Mint().signing_key.verify_key());
}

TEST(HostCertificate, IsSignedOverTheLayoutOfTheFormat) {
  const Vault vault;
  const DepositKey key = vault.Mint();
  EXPECT_EQ(SignedAgain(key.certificate, vault.enrol.signing_key).signature(),
            key.certificate.signature());
}

// Values that are well formed, so that only the signature can tell.
TEST(HostCertificate, SignatureCoversEveryField) {
  const Vault vault;
  const HostCertificate good = vault.Mint().certificate;
  const google::protobuf::Descriptor* type = HostCertificate::descriptor();
  ASSERT_EQ(type->field_count(), 10);
  for (int i = 0; i < type->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type->field(i);
    HostCertificate changed = good;
    const google::protobuf::Reflection* reflection = changed.GetReflection();
    if (field->cpp_type() ==
        google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
      std::string value = reflection->GetString(changed, field);
      value[0] = static_cast<char>(value[0] ^ 1);
      reflection->SetString(&changed, field, value);
    } else {
      reflection->SetUInt32(&changed, field,
                            reflection->GetUInt32(changed, field) + 1);
    }
    EXPECT_EQ(vault.Verify(changed).code(), kPermissionDenied) << field->name();
    reflection->ClearField(&changed, field);
    EXPECT_EQ(vault.Verify(changed).code(), kPermissionDenied) << field->name();
  }
}

// The form of a field alone must not decide for those that only a signature
// can protect.
TEST(HostCertificate, ChangedFieldsFailByTheSignature) {
  const Vault vault;
  const HostCertificate good = vault.Mint().certificate;
  HostCertificate changed[6] = {good, good, good, good, good, good};
  changed[0].set_host("web2");
  changed[1].set_host_epoch(2);
  changed[2].set_domain("web2");
  changed[3].set_domain_epoch(2);
  changed[4].set_host_verify_key(std::string(32, 'k'));
  changed[5].set_opening_key_id(std::string(32, 'o'));
  for (const HostCertificate& certificate : changed) {
    EXPECT_EQ(vault.Verify(certificate).message(),
              "host certificate: the vault's signature does not fit");
  }
}

// Without lengths "web1" + epoch could be moved between host and domain.
TEST(HostCertificate, SignatureKeepsFieldsApart) {
  const Vault vault;
  const HostCertificate good =
      MintDepositKey(vault.enrol, "ab", 1, "cd", 1).certificate;
  for (const auto& [host, domain] :
       {std::pair("a", "bcd"), std::pair("abc", "d")}) {
    HostCertificate moved = good;
    moved.set_host(host);
    moved.set_domain(domain);
    EXPECT_FALSE(vault.Verify(moved).ok());
  }
}

TEST(HostCertificate, RefusesAnotherVaultOrIssuer) {
  const Vault vault, other;
  const HostCertificate certificate = vault.Mint().certificate;
  EXPECT_EQ(other.Verify(certificate).code(), kPermissionDenied);
  EXPECT_EQ(VerifyHostCertificate(certificate, vault.keyring.vault_id(),
                                  other.keyring.verify_key())
                .code(),
            kPermissionDenied);
  EXPECT_EQ(VerifyHostCertificate(certificate, other.keyring.vault_id(),
                                  vault.keyring.verify_key())
                .code(),
            kPermissionDenied);
  // Signed by the right key, but claiming another vault or issuer.
  for (bool of_vault : {true, false}) {
    HostCertificate claims = certificate;
    (of_vault ? *claims.mutable_vault_id() : *claims.mutable_issuer_key_id()) =
        std::string(32, 'x');
    EXPECT_EQ(vault.Verify(SignedAgain(claims, vault.enrol.signing_key)).code(),
              kPermissionDenied);
  }
}

TEST(HostCertificate, RefusesBadFormsEvenIfSigned) {
  const Vault vault;
  const HostCertificate good = vault.Mint().certificate;
  const SigningKey& key = vault.enrol.signing_key;
  ASSERT_TRUE(vault.Verify(SignedAgain(good, key)).ok());
  HostCertificate bad[9] = {good, good, good, good, good,
                            good, good, good, good};
  bad[0].set_suite(2);
  bad[1].set_host("../web1");
  bad[2].set_host("");
  bad[3].set_domain("Web1");
  bad[4].set_host_epoch(0);
  bad[5].set_domain_epoch(0);
  bad[6].set_host_verify_key(std::string(33, 'k'));
  bad[7].set_opening_key_id("");
  bad[8].set_vault_id(good.vault_id() + "x");
  for (const HostCertificate& certificate : bad) {
    EXPECT_EQ(vault.Verify(SignedAgain(certificate, key)).code(),
              kPermissionDenied)
        << certificate.ShortDebugString();
  }
}

TEST(DepositKey, IsTheSameAfterAMessage) {
  const Vault vault;
  const DepositKey key = vault.Mint();
  absl::StatusOr<DepositKey> again = FromProto(ToProto(key));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ToProto(*again).SerializeAsString(),
            ToProto(key).SerializeAsString());
}

TEST(DepositKey, RefusesWrongLengthsAndForeignKeys) {
  const Vault vault;
  const v1::format::DepositKey good = ToProto(vault.Mint());
  const v1::format::DepositKey other = ToProto(Vault().Mint());
  v1::format::DepositKey bad[7] = {good, good, good, good, good, good, good};
  bad[0].clear_certificate();
  bad[1].clear_host_signing_secret();
  bad[2].clear_domain_secret();
  bad[3].clear_opening_public_key();
  bad[4].set_domain_secret(std::string(31, 'd'));
  bad[5].set_host_signing_secret(other.host_signing_secret());
  bad[6].set_opening_public_key(other.opening_public_key());
  for (const v1::format::DepositKey& message : bad) {
    EXPECT_EQ(FromProto(message).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace nightsafe
