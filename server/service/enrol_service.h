// Enrol: what someone with a token can call.
#pragma once

#include "nightsafe/v1/enrol.grpc.pb.h"
#include "server/authz/authority.h"
#include "server/catalog/registry.h"

namespace nightsafe {

// Thread-safe. Borrows both.
class EnrolService final : public v1::Enrol::Service {
 public:
  EnrolService(Registry& registry, const Authority& authority)
      : registry_(registry), authority_(authority) {}

  grpc::Status Enrol(grpc::ServerContext* context,
                     const v1::EnrolRequest* request,
                     v1::EnrolReply* reply) override;

 private:
  absl::StatusOr<IssuedCertificate> Issue(const v1::EnrolRequest& request);

  Registry& registry_;
  const Authority& authority_;
};

}  // namespace nightsafe
