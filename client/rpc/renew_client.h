// Asks for a longer-lived certificate with the one that one has.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/rpc/connection.h"

namespace nightsafe {

// For the key and name of the connection's own certificate. Safe to repeat.
absl::StatusOr<std::string> RenewCertificateDer(const Connection& connection);

}  // namespace nightsafe
