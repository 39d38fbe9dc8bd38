// The one place where our errors become gRPC's.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace nightsafe {

// Same code; the message is cut to what fits into every peer's metadata limit.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace nightsafe
