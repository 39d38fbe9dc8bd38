// From a stored credential to a connection.
#pragma once

#include "absl/status/statusor.h"
#include "client/credential/credential.h"
#include "client/rpc/connection.h"
#include "common/io/file_system.h"

namespace nightsafe {

ConnectionOptions ConnectionOf(const Credential& credential);

// This machine's host credential. FAILED_PRECONDITION if enrolment was begun
// and never finished.
absl::StatusOr<Credential> LoadHostCredential(FileSystem& fs,
                                              absl::string_view config);

// Renews the credential's certificate if it is time to and the server agrees;
// else says on standard error why it could not be. Never in the way of what the
// connection was made for.
void RenewIfDue(FileSystem& fs, absl::string_view directory,
                Credential& credential);

}  // namespace nightsafe
