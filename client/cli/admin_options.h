// What all commands of nightsafe-admin share: the server, the admin's keys.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/admin/server_link.h"
#include "client/terminal/passphrase.h"
#include "common/crypto/keyring.h"
#include "common/crypto/signature.h"

namespace nightsafe {

struct AdminOptions {
  std::string server;  // --server, $NIGHTSAFE_ADMIN_SERVER
  bool server_named = false;
  // --credential, $NIGHTSAFE_ADMIN_CREDENTIAL: a file, for host:port.
  std::string credential;
  std::string directory;  // --admin-dir
  PassphraseSource passphrase;

  // Options of the program itself, before the command.
  void AddTo(CLI::App* app);

  // To `server`; if that was not named and a credential was, to where that
  // says. Renews the credential's certificate when it is time.
  absl::StatusOr<std::unique_ptr<ServerLink>> Connect() const;
  // From `file`, or admin.key / enrol-<vault>.key of the admin's directory.
  absl::StatusOr<SigningKey> LoadAdminKey(const std::string& file) const;
  absl::StatusOr<EnrolKey> LoadEnrolKey(const std::string& file,
                                        const std::string& vault) const;
};

// "90m", "24h", "7d" or anything absl::ParseDuration reads. INVALID_ARGUMENT
// unless it is positive.
absl::StatusOr<absl::Duration> ParseSpan(const std::string& text);

}  // namespace nightsafe
