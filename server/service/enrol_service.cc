#include "server/service/enrol_service.h"

#include "common/base/status.h"
#include "common/pki/pki.h"
#include "server/authz/certificate_identity.h"
#include "server/service/grpc_status.h"

namespace nightsafe {

grpc::Status EnrolService::Enrol(grpc::ServerContext*,
                                 const v1::EnrolRequest* request,
                                 v1::EnrolReply* reply) {
  auto issued = Issue(*request);
  if (!issued.ok()) return ToGrpc(issued.status());
  reply->set_certificate_der(std::move(issued->der));
  return grpc::Status::OK;
}

absl::StatusOr<IssuedCertificate> EnrolService::Issue(
    const v1::EnrolRequest& request) {
  const ByteView csr = AsBytes(request.csr_der());
  NS_ASSIGN_OR_RETURN(PublicKeyFingerprint key, CsrFingerprint(csr));
  // Asked before: `issue` is called under the registry's lock.
  const ServerId server = registry_.server_id();
  return registry_.UseToken(
      AsBytes(request.token()), KeyFingerprint::FromValidBytes(key.view()),
      [&](const TokenGrant& grant) {
        return authority_.Issue(csr, IdentityOf(server, grant));
      });
}

}  // namespace nightsafe
