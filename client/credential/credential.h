// What a host or reader keeps after enrolment: where the server is, and the
// keys that say who one is.
//
//   CONFIG/host/            credential.json key.pem certificate.pem deposit.key
//   CONFIG/reader/<name>/   credential.json key.pem certificate.pem
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/crypto/keyring.h"
#include "common/io/file_system.h"

namespace nightsafe {

enum class CredentialRole { kHost, kReader };

struct VaultName {
  std::string name;
  VaultId id;
};

struct Credential {
  CredentialRole role = CredentialRole::kHost;
  std::string name;
  std::vector<VaultName> vaults;  // a host has exactly one
  std::string server_address;     // host:port
  std::string enrol_address;
  ServerId server_id;
  std::string ca_certificate_pem;
  std::string private_key_pem;
  std::string certificate_pem;  // empty until enrolled
};

// The directory of a host's or of a reader's credential below `config`.
std::string CredentialDirectory(absl::string_view config, CredentialRole role,
                                absl::string_view reader_name);

// Files are 0600 in a 0700 directory, each written durably; credential.json
// last, so that what can be loaded is whole.
absl::Status SaveCredential(FileSystem& fs, absl::string_view directory,
                            const Credential& credential);
// NOT_FOUND: not enrolled (says what to do). DATA_LOSS: damaged.
absl::StatusOr<Credential> LoadCredential(FileSystem& fs,
                                          absl::string_view directory);

// DATA_LOSS names the file of keys or certificates that is damaged;
// FAILED_PRECONDITION: the enrolment is not finished.
absl::Status CheckCredential(absl::string_view directory,
                             const Credential& credential);

absl::Status SaveDepositKey(FileSystem& fs, absl::string_view directory,
                            const DepositKey& key);
// FAILED_PRECONDITION: it is another host's.
absl::StatusOr<DepositKey> LoadDepositKey(FileSystem& fs,
                                          absl::string_view directory,
                                          absl::string_view host);

// The reader credential called `name`, or the only one there is. NOT_FOUND,
// or FAILED_PRECONDITION listing the names if there are several.
absl::StatusOr<Credential> LoadReader(FileSystem& fs, absl::string_view config,
                                      absl::string_view name);

}  // namespace nightsafe
