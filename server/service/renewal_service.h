// Renewal: what everybody with a certificate can call.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "nightsafe/v1/renew.grpc.pb.h"
#include "server/authz/authority.h"
#include "server/authz/authorizer.h"
#include "server/catalog/registry.h"

namespace nightsafe {

// Thread-safe. Borrows registry and authority.
class RenewalService final : public v1::Renewal::Service {
 public:
  RenewalService(Registry& registry, const Authority& authority,
                 std::shared_ptr<const Authorizer> authorizer)
      : registry_(registry),
        authority_(authority),
        authorizer_(std::move(authorizer)) {}

  grpc::Status Renew(grpc::ServerContext* context,
                     const v1::RenewRequest* request,
                     v1::RenewReply* reply) override;

 private:
  // Key and name are those of the connection's certificate: the call says
  // nothing.
  absl::StatusOr<IssuedCertificate> Issue(const grpc::AuthContext& connection);

  Registry& registry_;
  const Authority& authority_;
  const std::shared_ptr<const Authorizer> authorizer_;
};

}  // namespace nightsafe
