// Where gRPC asks: before any handler runs.
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include <memory>

#include "server/authz/authorizer.h"

namespace nightsafe {

// One per listener. Holds on to its authorizer: gRPC decides when it goes.
class AuthProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit AuthProcessor(std::shared_ptr<const Authorizer> authorizer)
      : authorizer_(std::move(authorizer)) {}

  grpc::Status Process(const InputMetadata& metadata,
                       grpc::AuthContext* connection, OutputMetadata* consumed,
                       OutputMetadata* response) override;

 private:
  const std::shared_ptr<const Authorizer> authorizer_;
};

}  // namespace nightsafe
