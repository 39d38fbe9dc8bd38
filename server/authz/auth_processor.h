// Where gRPC asks: before any handler runs.
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/authz/authorizer.h"

namespace nightsafe {

// One per listener. gRPC asks it from threads of its own, even after the
// shutdown of its server: Close() ends that before what the authorizer borrows
// goes.
class AuthProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit AuthProcessor(std::shared_ptr<const Authorizer> authorizer)
      : authorizer_(std::move(authorizer)) {}

  grpc::Status Process(const InputMetadata& metadata,
                       grpc::AuthContext* connection, OutputMetadata* consumed,
                       OutputMetadata* response) override;

  // Waits for decisions under way; from then on everything is denied.
  void Close();

 private:
  absl::Mutex mutex_;
  // Null: closed.
  std::shared_ptr<const Authorizer> authorizer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
