// What the commands about recovery keys have in common: which vault, which key
// opens it, whose order it is.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/admin/recovery_keys.h"
#include "client/cli/admin_options.h"
#include "client/terminal/passphrase.h"

namespace nightsafe {

struct RecoveryOptions {
  std::string vault = "main";
  std::string vault_id;  // hex; else that of the vault file, if there is one
  std::string recovery_key;
  std::string admin_key;
  std::string reason;
  PassphraseSource passphrase;

  void AddVault(CLI::App* command);
  // A recovery key that opens the vault, and the admin's own key.
  void AddKeys(CLI::App* command);

  // DIRECTORY/VAULT.vault
  std::string VaultFilePath(const AdminOptions& admin) const;
  // INVALID_ARGUMENT if nothing here tells the vault's id: the server alone is
  // not believed about that.
  absl::StatusOr<StoredKeyring> Fetch(const AdminOptions& admin,
                                      const AdminClient& server) const;
  // Only to be shown: of whatever id, if nothing here tells it.
  absl::StatusOr<StoredKeyring> FetchAny(const AdminOptions& admin,
                                         const AdminClient& server) const;
  absl::StatusOr<BoxKey> LoadRecoveryKey(const AdminOptions& admin) const;

 private:
  absl::StatusOr<std::optional<VaultId>> Expected(
      const AdminOptions& admin) const;
};

// The public part of a recovery key: of a key file, or 64 hex digits.
absl::StatusOr<BoxPublicKey> ReadRecoveryPublicKey(const std::string& text);

}  // namespace nightsafe
