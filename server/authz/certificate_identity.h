// Identity from a client certificate, believed only if the registry agrees.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/pki/pki.h"
#include "server/authz/principal.h"
#include "server/catalog/registry.h"

namespace nightsafe {

// The certificate that the peer showed; PERMISSION_DENIED unless there is
// exactly one.
absl::StatusOr<std::string> PeerCertificatePem(
    const grpc::AuthContext& connection);

// What a certificate of that principal says.
PeerIdentity IdentityOf(const ServerId& server, const TokenGrant& principal);
// Of one that a certificate proved. INTERNAL for a role without certificates.
absl::StatusOr<TokenGrant> GrantOf(const Principal& principal);

// The connection's certificate must be valid now, no CA, for clientAuth alone,
// with exactly one URI SAN and no other name, of this server and of one of
// `roles`, and its key must be the one the registry has as active for that
// host, reader or admin. So neither a certificate of our CA nor a line in the
// registry is enough alone, and a revocation holds from the next call on.
// Borrows both.
class CertificateIdentity final : public IdentitySource {
 public:
  // Whom the listener is for; anybody else is nobody there.
  CertificateIdentity(const Registry& registry, const Clock& clock,
                      std::set<v1::Role> roles)
      : registry_(registry), clock_(clock), roles_(std::move(roles)) {}

  absl::StatusOr<Principal> Identify(
      const grpc::AuthContext& connection) const override;
  absl::StatusOr<Principal> IdentifyPem(absl::string_view pem) const;

 private:
  absl::StatusOr<Principal> Find(const PeerIdentity& identity,
                                 const PublicKeyFingerprint& key) const;

  const Registry& registry_;
  const Clock& clock_;
  const std::set<v1::Role> roles_;
};

}  // namespace nightsafe
