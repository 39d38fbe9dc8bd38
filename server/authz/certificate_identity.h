// Identity from a client certificate, believed only if the registry agrees.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "server/authz/principal.h"
#include "server/catalog/registry.h"

namespace nightsafe {

// The certificate that the peer showed; PERMISSION_DENIED unless there is
// exactly one.
absl::StatusOr<std::string> PeerCertificatePem(
    const grpc::AuthContext& connection);

// The connection's certificate must be valid now, no CA, for clientAuth alone,
// with exactly one URI SAN and no other name, of this server, and its key must
// be the one the registry has as active for that host or reader. So neither a
// certificate of our CA nor a line in the registry is enough alone, and a
// revocation holds from the next call on. Borrows both.
class CertificateIdentity final : public IdentitySource {
 public:
  CertificateIdentity(const Registry& registry, const Clock& clock)
      : registry_(registry), clock_(clock) {}

  absl::StatusOr<Principal> Identify(
      const grpc::AuthContext& connection) const override;
  absl::StatusOr<Principal> IdentifyPem(absl::string_view pem) const;

 private:
  const Registry& registry_;
  const Clock& clock_;
};

}  // namespace nightsafe
