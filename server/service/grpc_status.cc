#include "server/service/grpc_status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/retry_after.h"

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

grpc::Status ToGrpc(const absl::Status& status, grpc::ServerContext& context) {
  if (const auto wait = RetryAfter(status)) {
    context.AddTrailingMetadata(kRetryAfterKey,
                                absl::StrCat(absl::ToInt64Milliseconds(*wait)));
  }
  return ToGrpc(status);
}

}  // namespace nightsafe
