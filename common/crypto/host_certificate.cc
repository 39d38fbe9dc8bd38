#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/domain_keys.h"
#include "common/crypto/key_message.h"
#include "common/crypto/keyring.h"

namespace nightsafe {
namespace {

using v1::format::HostCertificate;

constexpr absl::string_view kContext = "nightsafe host cert v1";

// Every field but the signature.
std::string Statement(const HostCertificate& certificate) {
  std::string statement;
  PutU32(certificate.suite(), statement);
  PutLengthPrefixed(AsBytes(certificate.vault_id()), statement);
  PutLengthPrefixed(AsBytes(certificate.issuer_key_id()), statement);
  PutLengthPrefixed(AsBytes(certificate.host()), statement);
  PutU32(certificate.host_epoch(), statement);
  PutLengthPrefixed(AsBytes(certificate.host_verify_key()), statement);
  PutLengthPrefixed(AsBytes(certificate.domain()), statement);
  PutU32(certificate.domain_epoch(), statement);
  PutLengthPrefixed(AsBytes(certificate.opening_key_id()), statement);
  return statement;
}

// INVALID_ARGUMENT unless every field has a form this program knows.
absl::Status CheckForm(const HostCertificate& certificate) {
  if (certificate.suite() != kSuite) {
    return absl::InvalidArgumentError(absl::StrCat(
        "suite ", certificate.suite(), "; this program knows ", kSuite));
  }
  const struct {
    absl::string_view name;
    size_t size, expected;
  } fields[] = {
      {"vault id", certificate.vault_id().size(), VaultId::kSize},
      {"issuer key id", certificate.issuer_key_id().size(), KeyId::kSize},
      {"host key", certificate.host_verify_key().size(), VerifyKey::kSize},
      {"opening key id", certificate.opening_key_id().size(), KeyId::kSize},
      {"signature", certificate.signature().size(), Signature::kSize},
  };
  for (const auto& field : fields) {
    if (field.size != field.expected) {
      return absl::InvalidArgumentError(absl::StrCat(
          field.name, " of ", field.size, " bytes, not ", field.expected));
    }
  }
  NS_RETURN_IF_ERROR(ValidateName("host", certificate.host()));
  NS_RETURN_IF_ERROR(ValidateName("domain", certificate.domain()));
  if (certificate.host_epoch() == 0 || certificate.domain_epoch() == 0) {
    return absl::InvalidArgumentError("epoch 0; epochs count from 1");
  }
  return absl::OkStatus();
}

absl::Status Denied(absl::string_view what) {
  return absl::PermissionDeniedError(absl::StrCat("host certificate: ", what));
}

}  // namespace

DepositKey MintDepositKey(const EnrolKey& enrol, absl::string_view host,
                          uint32_t host_epoch, absl::string_view domain,
                          uint32_t domain_epoch) {
  NS_CHECK(ValidateName("host", host).ok());
  NS_CHECK(ValidateName("domain", domain).ok());
  NS_CHECK(host_epoch >= 1 && domain_epoch >= 1);
  SigningKey host_key = SigningKey::Generate();
  HostCertificate certificate;
  certificate.set_suite(kSuite);
  certificate.set_vault_id(std::string(enrol.vault_id.text()));
  certificate.set_issuer_key_id(
      std::string(KeyIdOf(enrol.signing_key.verify_key()).text()));
  certificate.set_host(std::string(host));
  certificate.set_host_epoch(host_epoch);
  certificate.set_host_verify_key(std::string(host_key.verify_key().text()));
  certificate.set_domain(std::string(domain));
  certificate.set_domain_epoch(domain_epoch);
  certificate.set_opening_key_id(
      std::string(KeyIdOf(enrol.opening_public_key).text()));
  certificate.set_signature(std::string(
      enrol.signing_key.Sign(kContext, AsBytes(Statement(certificate)))
          .text()));
  return DepositKey{
      std::move(certificate), std::move(host_key),
      DeriveDomainSecret(enrol.vault_secret, domain, domain_epoch),
      enrol.opening_public_key};
}

absl::Status VerifyHostCertificate(const HostCertificate& certificate,
                                   const VaultId& vault_id,
                                   const VerifyKey& vault_verify_key) {
  if (absl::Status form = CheckForm(certificate); !form.ok()) {
    return Denied(form.message());
  }
  if (certificate.vault_id() != vault_id.text()) {
    return Denied(absl::StrCat("of vault ",
                               HexEncode(AsBytes(certificate.vault_id())),
                               ", not ", vault_id.Hex()));
  }
  const KeyId issuer = KeyIdOf(vault_verify_key);
  if (certificate.issuer_key_id() != issuer.text()) {
    return Denied(absl::StrCat("issued by key ",
                               HexEncode(AsBytes(certificate.issuer_key_id())),
                               ", not ", issuer.Hex()));
  }
  const auto signature =
      Signature::FromValidBytes(AsBytes(certificate.signature()));
  if (!VerifySignature(vault_verify_key, kContext,
                       AsBytes(Statement(certificate)), signature)
           .ok()) {
    return Denied("the vault's signature does not fit");
  }
  return absl::OkStatus();
}

v1::format::DepositKey ToProto(const DepositKey& key) {
  v1::format::DepositKey message;
  *message.mutable_certificate() = key.certificate;
  SetBytes(key.signing_key.seed().view(),
           *message.mutable_host_signing_secret());
  SetBytes(key.domain_secret.view(), *message.mutable_domain_secret());
  SetBytes(key.opening_public_key.view(),
           *message.mutable_opening_public_key());
  return message;
}

absl::StatusOr<DepositKey> FromProto(const v1::format::DepositKey& message) {
  const HostCertificate& certificate = message.certificate();
  NS_RETURN_IF_ERROR(Annotate(CheckForm(certificate), "host certificate"));
  NS_ASSIGN_OR_RETURN(
      Secret32 seed,
      Secret32::FromBytes(AsBytes(message.host_signing_secret())));
  NS_ASSIGN_OR_RETURN(Secret32 domain_secret,
                      Secret32::FromBytes(AsBytes(message.domain_secret())));
  NS_ASSIGN_OR_RETURN(
      BoxPublicKey opening,
      BoxPublicKey::FromBytes(AsBytes(message.opening_public_key())));
  SigningKey signing_key = SigningKey::FromSeed(seed);
  if (certificate.host_verify_key() != signing_key.verify_key().text() ||
      certificate.opening_key_id() != KeyIdOf(opening).text()) {
    return absl::InvalidArgumentError(
        "deposit key: its certificate is for other keys");
  }
  return DepositKey{certificate, std::move(signing_key),
                    std::move(domain_secret), opening};
}

}  // namespace nightsafe
