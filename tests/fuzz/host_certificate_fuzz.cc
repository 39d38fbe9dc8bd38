// The input is a deposit key, its certificate checked against a fixed vault:
// with the signature it has, then with one that fits, so that form decides.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/names.h"
#include "common/crypto/keyring.h"
#include "google/protobuf/stubs/logging.h"

namespace nightsafe {
namespace {

using v1::format::HostCertificate;

SigningKey VaultKey() {
  const std::string seed(32, 1);
  return SigningKey::FromSeed(*Secret32::FromBytes(AsBytes(seed)));
}

std::string Statement(const HostCertificate& certificate) {
  std::string out;
  PutU32(certificate.suite(), out);
  PutLengthPrefixed(AsBytes(certificate.vault_id()), out);
  PutLengthPrefixed(AsBytes(certificate.issuer_key_id()), out);
  PutLengthPrefixed(AsBytes(certificate.host()), out);
  PutU32(certificate.host_epoch(), out);
  PutLengthPrefixed(AsBytes(certificate.host_verify_key()), out);
  PutLengthPrefixed(AsBytes(certificate.domain()), out);
  PutU32(certificate.domain_epoch(), out);
  PutLengthPrefixed(AsBytes(certificate.opening_key_id()), out);
  return out;
}

void Verify(const HostCertificate& certificate, const SigningKey& vault_key) {
  const absl::Status status = VerifyHostCertificate(
      certificate, VaultIdOf(vault_key.verify_key()), vault_key.verify_key());
  if (!status.ok()) {
    NS_CHECK(status.code() == absl::StatusCode::kPermissionDenied);
    return;
  }
  NS_CHECK(certificate.suite() == 1);
  NS_CHECK(ValidateName("host", certificate.host()).ok());
  NS_CHECK(ValidateName("domain", certificate.domain()).ok());
  NS_CHECK(certificate.host_epoch() != 0 && certificate.domain_epoch() != 0);
  NS_CHECK(certificate.host_verify_key().size() == VerifyKey::kSize);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  static const SigningKey vault_key = VaultKey();
  v1::format::DepositKey message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  absl::StatusOr<DepositKey> key = FromProto(message);
  if (key.ok()) {
    message.DiscardUnknownFields();
    HostCertificate& stored = *message.mutable_certificate();
    stored = key->certificate;
    NS_CHECK(ToProto(*key).SerializeAsString() == message.SerializeAsString());
    NS_CHECK(FromProto(ToProto(*key)).ok());
  } else {
    NS_CHECK(absl::IsInvalidArgument(key.status()));
  }
  HostCertificate certificate = message.certificate();
  Verify(certificate, vault_key);
  certificate.set_signature(std::string(
      vault_key.Sign("nightsafe host cert v1", AsBytes(Statement(certificate)))
          .text()));
  Verify(certificate, vault_key);
  return 0;
}
