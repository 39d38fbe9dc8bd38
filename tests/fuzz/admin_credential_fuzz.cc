// First byte even: the rest is the text of an admin's credential. Odd: it is
// the names in one, and in its certificate, which is made here. What is
// accepted is whole, and the same after it was written anew.
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/credential/admin_credential.h"
#include "common/base/check.h"
#include "common/base/names.h"
#include "common/pki/pki.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

struct Keys {
  Keys() {
    ca.key_pem = GeneratePrivateKeyPem().value();
    ca.certificate_der =
        MakeCaCertificateDer(ca.key_pem, "CA", begin, end).value();
    key_pem = GeneratePrivateKeyPem().value();
    csr_der = MakeCsrDer(key_pem).value();
  }
  const absl::Time begin = absl::FromUnixSeconds(1'700'000'000);
  const absl::Time end = begin + absl::Hours(24);
  Issuer ca;
  std::string key_pem;
  std::string csr_der;
};

bool Accepts(absl::string_view text) {
  const auto credential = DecodeAdminCredential(text);
  if (!credential.ok()) {
    NS_CHECK(absl::IsInvalidArgument(credential.status()) ||
             absl::IsPermissionDenied(credential.status()) ||
             absl::IsDataLoss(credential.status()));
    return false;
  }
  NS_CHECK(ValidateName("admin", credential->name).ok());
  const std::string written = EncodeAdminCredential(*credential);
  const auto again = DecodeAdminCredential(written);
  NS_CHECK(again.ok() && EncodeAdminCredential(*again) == written);
  return true;
}

void CheckNames(FuzzInput& input, const Keys& keys) {
  AdminCredential credential;
  credential.private_key_pem = keys.key_pem;
  credential.ca_certificate_pem = DerToPem(AsBytes(keys.ca.certificate_der));
  PeerIdentity identity{.role = static_cast<PeerRole>(input.Below(3))};
  if (input.Flag()) identity.server.bytes[0] = std::byte{1};
  identity.vault = "main";
  identity.name = input.Text();
  credential.name = input.Flag() ? identity.name : input.Text();
  // JSON has no other bytes.
  for (std::string* name : {&identity.name, &credential.name}) {
    if (!ValidateName("peer", *name).ok()) *name = "ops";
  }
  const auto der = IssueClientCertificateDer(keys.ca, AsBytes(keys.csr_der),
                                             identity, keys.begin, keys.end);
  NS_CHECK(der.ok());
  credential.certificate_pem = DerToPem(AsBytes(*der));
  NS_CHECK(Accepts(EncodeAdminCredential(credential)) ==
           (identity.role == PeerRole::kAdmin &&
            identity.name == credential.name &&
            identity.server == credential.server_id));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  static const Keys& keys = *new Keys;
  FuzzInput input(data, size);
  if (input.Flag()) {
    CheckNames(input, keys);
  } else {
    Accepts(input.RestText());
  }
  return 0;
}
