#include "server/service/grpc_status.h"

#include <string>

namespace nightsafe {
namespace {

// Percent-encoded it may grow threefold; metadata is limited to 8 KiB.
constexpr size_t kMaxMessageText = 2000;

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The two enumerations have the same numbers.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message().substr(0, kMaxMessageText)));
}

}  // namespace nightsafe
