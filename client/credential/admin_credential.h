// What lets an admin in at a server's listener for admins: one secret file. It
// signs no orders; those take an admin key.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"

namespace nightsafe {

struct AdminCredential {
  std::string name;
  std::string server_address;  // host:port; empty: not known
  ServerId server_id;
  std::string ca_certificate_pem;
  std::string private_key_pem;
  std::string certificate_pem;  // empty: the server was not heard yet
};

std::string EncodeAdminCredential(const AdminCredential& credential);

// What is decoded is whole: the certificate, if there is one, is that admin's,
// of this key, signed by this CA. INVALID_ARGUMENT: not such a file.
// PERMISSION_DENIED: somebody else's, a host's or a reader's. DATA_LOSS:
// damaged. Messages begin with a verb, and follow the file's name.
absl::StatusOr<AdminCredential> DecodeAdminCredential(absl::string_view text);

// Messages name the file.
absl::StatusOr<AdminCredential> LoadAdminCredential(FileSystem& fs,
                                                    const std::string& path);

// Durably, 0600. `Create`: ALREADY_EXISTS if there is such a file.
absl::Status CreateAdminCredential(FileSystem& fs, const std::string& path,
                                   const AdminCredential& credential);
absl::Status ReplaceAdminCredential(FileSystem& fs, const std::string& path,
                                    const AdminCredential& credential);

}  // namespace nightsafe
