// Turns a one-time token into a certificate.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/rpc/connection.h"
#include "common/base/bytes.h"

namespace nightsafe {

// `connection` is to the enrolment address, without a client certificate.
// PERMISSION_DENIED: the token is unknown, expired or used by another key. Safe
// to repeat with the same key.
absl::StatusOr<std::string> EnrolForCertificateDer(const Connection& connection,
                                                   ByteView token,
                                                   ByteView csr_der);

}  // namespace nightsafe
