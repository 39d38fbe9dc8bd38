// The one place where our errors become gRPC's.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace nightsafe {

// Same code; the message is cut to what fits into every peer's metadata limit.
grpc::Status ToGrpc(const absl::Status& status);
// As that; tells the peer when to try again, if the status says.
grpc::Status ToGrpc(const absl::Status& status, grpc::ServerContext& context);

}  // namespace nightsafe
