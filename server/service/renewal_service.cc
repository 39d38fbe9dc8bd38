#include "server/service/renewal_service.h"

#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/pki/pki.h"
#include "server/authz/certificate_identity.h"
#include "server/service/grpc_status.h"

namespace nightsafe {

grpc::Status RenewalService::Renew(grpc::ServerContext* context,
                                   const v1::RenewRequest*,
                                   v1::RenewReply* reply) {
  auto issued = Issue(*context->auth_context());
  if (!issued.ok()) return ToGrpc(issued.status());
  reply->set_certificate_der(std::move(issued->der));
  return grpc::Status::OK;
}

absl::StatusOr<IssuedCertificate> RenewalService::Issue(
    const grpc::AuthContext& connection) {
  NS_ASSIGN_OR_RETURN(Principal caller, authorizer_->Identify(connection));
  NS_ASSIGN_OR_RETURN(std::string pem, PeerCertificatePem(connection));
  NS_ASSIGN_OR_RETURN(std::string der, PemToDer(pem));
  NS_ASSIGN_OR_RETURN(CertificateView shown,
                      InspectCertificateDer(AsBytes(der)));
  NS_ASSIGN_OR_RETURN(const TokenGrant principal, GrantOf(caller));
  const PeerIdentity identity = IdentityOf(registry_.server_id(), principal);
  return registry_.Renew(
      principal, KeyFingerprint::FromValidBytes(shown.fingerprint.view()),
      [&] { return authority_.Renew(AsBytes(der), identity); });
}

}  // namespace nightsafe
