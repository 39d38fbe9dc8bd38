// By the first byte: a certificate (DER, PEM), a certificate request, a private
// key in PEM, or the names of a certificate that is made here. What is read is
// read again from what was written of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/pki/pki.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/forged_certificate.h"

namespace nightsafe {
namespace {

struct Authority {
  Authority() {
    issuer.key_pem = GeneratePrivateKeyPem().value();
    issuer.certificate_der =
        MakeCaCertificateDer(issuer.key_pem, "CA", begin, end).value();
    peer_key_pem = GeneratePrivateKeyPem().value();
  }
  const absl::Time begin = absl::FromUnixSeconds(1'700'000'000);
  const absl::Time end = begin + absl::Hours(24);
  Issuer issuer;
  std::string peer_key_pem;
};

void CheckRefused(const absl::Status& status) {
  NS_CHECK(absl::IsInvalidArgument(status));
}

void CheckSame(const CertificateView& a, const CertificateView& b) {
  NS_CHECK(a.fingerprint == b.fingerprint && a.uri_sans == b.uri_sans);
  NS_CHECK(a.other_sans == b.other_sans && a.is_ca == b.is_ca);
  NS_CHECK(a.client_auth == b.client_auth);
  NS_CHECK(a.not_before == b.not_before && a.not_after == b.not_after);
}

void CheckDer(ByteView der) {
  const auto view = InspectCertificateDer(der);
  if (!view.ok()) return CheckRefused(view.status());
  const auto again = InspectCertificatePem(DerToPem(der));
  NS_CHECK(again.ok());
  CheckSame(*view, *again);
}

void CheckPem(absl::string_view pem) {
  const auto view = InspectCertificatePem(pem);
  if (!view.ok()) return CheckRefused(view.status());
  const auto der = PemToDer(pem);
  NS_CHECK(der.ok());
  CheckDer(AsBytes(*der));
}

// The certificate issued for a request is of its key and of the name that the
// issuer says, whatever else the request asks for.
void CheckRequest(ByteView der, const Authority& ca) {
  const auto key = CsrFingerprint(der);
  const PeerIdentity identity{.role = PeerRole::kReader, .name = "reader"};
  const auto issued =
      IssueClientCertificateDer(ca.issuer, der, identity, ca.begin, ca.end);
  NS_CHECK(issued.ok() == key.ok());
  if (!key.ok()) return CheckRefused(key.status());
  const auto view = InspectCertificateDer(AsBytes(*issued));
  NS_CHECK(view.ok() && view->fingerprint == *key);
  NS_CHECK(view->uri_sans == std::vector{identity.ToUri()});
  NS_CHECK(view->other_sans == 0 && !view->is_ca && view->client_auth);
}

void CheckPrivateKey(absl::string_view pem) {
  const auto request = MakeCsrDer(pem);
  if (!request.ok()) return CheckRefused(request.status());
  NS_CHECK(CsrFingerprint(AsBytes(*request)).ok());
}

void CheckNames(FuzzInput& input, const Authority& ca) {
  CertificateForm form{.key_pem = ca.peer_key_pem, .issuer = ca.issuer};
  form.names_twice = input.Flag();
  std::vector<std::string> uris;
  size_t others = 0;
  while (!input.done() && form.names.size() < 16) {
    const size_t kind = input.Below(4);
    const std::string value = input.Text();
    form.names.push_back({kind == 0   ? AlternativeName::kDns
                          : kind == 1 ? AlternativeName::kMail
                                      : AlternativeName::kUri,
                          value});
    if (kind < 2) {
      ++others;
    } else {
      uris.push_back(value);
    }
  }
  const bool repeated = form.names_twice && !form.names.empty();
  const auto view = InspectCertificatePem(ForgeCertificatePem(form));
  NS_CHECK(view.ok() == !repeated);
  if (!view.ok()) return CheckRefused(view.status());
  // As they are, NUL and all.
  NS_CHECK(view->uri_sans == uris && view->other_sans == others);
  NS_CHECK(view->client_auth && !view->is_ca);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  static const Authority& ca = *new Authority;
  FuzzInput input(data, size);
  switch (input.Below(5)) {
    case 0:
      CheckDer(input.Rest());
      break;
    case 1:
      CheckPem(input.RestText());
      break;
    case 2:
      CheckRequest(input.Rest(), ca);
      break;
    case 3:
      CheckPrivateKey(input.RestText());
      break;
    default:
      CheckNames(input, ca);
  }
  return 0;
}
