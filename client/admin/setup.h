// `nightsafe-admin setup`: server, recovery key, admin key and a first vault in
// one go.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/key_file.h"
#include "common/io/file_system.h"

namespace nightsafe {

struct SetupOptions {
  std::string data_directory;   // made by nightsafed init; new or empty
  std::string admin_directory;  // gets admin.key, enrol-<vault>.key, …
  std::string recovery_key_path;
  std::string vault = "main";
  std::string nightsafed = "nightsafed";    // program, found in PATH
  std::vector<std::string> init_arguments;  // passed on to nightsafed init
  std::string admin_socket;                 // where nightsafed serve puts it
  std::string recovery_passphrase;
  std::string admin_passphrase;  // for admin.key and enrol-<vault>.key
  PassphraseCost cost;
};

struct SetupResult {
  ServerId server;
  VaultId vault;
  std::string server_address;
  std::string recovery_key_text;  // protected; for the recovery sheet
  std::string enrol_key_path;
  std::string admin_key_path;
  std::string vault_file_path;
};

// FAILED_PRECONDITION if keys are there already: nothing was changed then.
// After any other error the message says what was made.
absl::StatusOr<SetupResult> SetUp(FileSystem& fs, const SetupOptions& options);

// What to print and keep on paper.
std::string RecoverySheet(const SetupOptions& options,
                          const SetupResult& result);

}  // namespace nightsafe
