// X.509 as Nightsafe uses it: one CA per server, ECDSA P-256, identity in one
// URI SAN. The only user of OpenSSL's X.509.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace nightsafe {

enum class PeerRole { kHost, kReader, kAdmin };

// nightsafe://<server id hex>/host/<vault>/<name>, /reader/<name>,
// /admin/<name>
struct PeerIdentity {
  ServerId server;
  PeerRole role;
  std::string vault;  // hosts only
  std::string name;

  std::string ToUri() const;
  // INVALID_ARGUMENT for anything but exactly this form.
  static absl::StatusOr<PeerIdentity> FromUri(absl::string_view uri);
  friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

// SHA-256 of a DER SubjectPublicKeyInfo.
using PublicKeyFingerprint = Id<struct PublicKeyFingerprintTag, 32>;

// PEM (PKCS #8) of a fresh P-256 key.
absl::StatusOr<std::string> GeneratePrivateKeyPem();
// DER PKCS #10 with an empty subject. INVALID_ARGUMENT for what is not a P-256
// key with its own public key.
absl::StatusOr<std::string> MakeCsrDer(absl::string_view private_key_pem);
// Checks the CSR's own signature and that the key is P-256. INVALID_ARGUMENT.
absl::StatusOr<PublicKeyFingerprint> CsrFingerprint(ByteView csr_der);

// Self-signed, CA:TRUE, pathlen 0; common name is for people.
absl::StatusOr<std::string> MakeCaCertificateDer(absl::string_view ca_key_pem,
                                                 absl::string_view common_name,
                                                 absl::Time not_before,
                                                 absl::Time not_after);

struct Issuer {
  std::string key_pem;
  std::string certificate_der;
};
// clientAuth, CA:FALSE, exactly one URI SAN. Only the CSR's key is used.
absl::StatusOr<std::string> IssueClientCertificateDer(
    const Issuer& ca, ByteView csr_der, const PeerIdentity& identity,
    absl::Time not_before, absl::Time not_after);
// As that, for the key of a certificate that was issued before.
absl::StatusOr<std::string> RenewClientCertificateDer(
    const Issuer& ca, ByteView certificate_der, const PeerIdentity& identity,
    absl::Time not_before, absl::Time not_after);
// serverAuth, CA:FALSE, DNS SAN `<server id>.nightsafe`.
absl::StatusOr<std::string> IssueServerCertificateDer(
    const Issuer& ca, absl::string_view server_key_pem, const ServerId& server,
    absl::Time not_before, absl::Time not_after);

struct CertificateView {
  PublicKeyFingerprint fingerprint;
  std::vector<std::string> uri_sans;  // all of them
  size_t other_sans = 0;
  bool is_ca = false;
  bool client_auth = false;
  absl::Time not_before;
  absl::Time not_after;
};
// INVALID_ARGUMENT for what is not one certificate.
absl::StatusOr<CertificateView> InspectCertificatePem(absl::string_view pem);
absl::StatusOr<CertificateView> InspectCertificateDer(ByteView der);

// INVALID_ARGUMENT unless it is a key on P-256.
absl::Status CheckPrivateKeyPem(absl::string_view pem);
// INVALID_ARGUMENT unless the certificate is of this key and signed by the CA;
// says nothing of dates or names. A CA's own certificate is signed by itself.
absl::Status CheckCertificatePem(absl::string_view pem,
                                 absl::string_view private_key_pem,
                                 absl::string_view ca_pem);

std::string DerToPem(ByteView der);  // "CERTIFICATE"
absl::StatusOr<std::string> PemToDer(absl::string_view pem);

// The name every client checks the server's certificate against.
std::string ServerDnsName(const ServerId& server);

}  // namespace nightsafe
