// From a stored credential to a connection.
#pragma once

#include "absl/status/statusor.h"
#include "client/credential/credential.h"
#include "client/rpc/connection.h"

namespace nightsafe {

ConnectionOptions ConnectionOf(const Credential& credential);

// This machine's host credential. FAILED_PRECONDITION if enrolment was begun
// and never finished.
absl::StatusOr<Credential> LoadHostCredential(FileSystem& fs,
                                              absl::string_view config);

}  // namespace nightsafe
