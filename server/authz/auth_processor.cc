#include "server/authz/auth_processor.h"

#include <string>

namespace nightsafe {

grpc::Status AuthProcessor::Process(const InputMetadata& metadata,
                                    grpc::AuthContext* connection,
                                    OutputMetadata*, OutputMetadata*) {
  const grpc::Status denied(grpc::StatusCode::PERMISSION_DENIED,
                            std::string(kDenied));
  const auto [begin, end] = metadata.equal_range(":path");
  if (begin == end || std::next(begin) != end) return denied;
  const absl::string_view path(begin->second.data(), begin->second.size());
  absl::ReaderMutexLock lock(&mutex_);
  return authorizer_ != nullptr &&
                 authorizer_->Authorize(path, *connection).ok()
             ? grpc::Status::OK
             : denied;
}

void AuthProcessor::Close() {
  absl::MutexLock lock(&mutex_);
  authorizer_ = nullptr;
}

}  // namespace nightsafe
