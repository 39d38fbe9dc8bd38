// Letting an admin in through the network: the credential, how it is made, used
// and renewed.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/credential/admin_credential.h"
#include "client/rpc/admin_client.h"
#include "client/rpc/connection.h"
#include "common/crypto/signature.h"
#include "common/io/file_system.h"

namespace nightsafe {

// To `server` ("host:port"), or where the credential says if that is empty.
// FAILED_PRECONDITION: the credential was never finished. INVALID_ARGUMENT: no
// address is known.
absl::StatusOr<ConnectionOptions> AdminConnectionOptions(
    const AdminCredential& credential, absl::string_view path,
    absl::string_view server);

// Makes a key here, has the server certify it, by an order that `admin_key`
// signs, and writes the credential to `path`, which must be new. The key is on
// the disk before the server hears of it: after an interruption, or an error
// that leaves open what the server did, the same call goes on with that file.
// ALREADY_EXISTS: the name, or the file.
absl::StatusOr<AdminCredential> GrantAdmin(
    FileSystem& fs, const AdminClient& server, const SigningKey& admin_key,
    absl::string_view admin, const std::string& path, absl::Time now);

// Puts a renewed certificate into the credential and its file if it is time.
absl::Status RenewAdminIfDue(FileSystem& fs, const std::string& path,
                             absl::string_view server, absl::Time now,
                             AdminCredential& credential);

}  // namespace nightsafe
