// The public file of a vault: what a server must know of it, and the sealed
// keyring. Nothing in it is secret; the vault id stands on the recovery sheet.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/rpc/admin_client.h"
#include "common/crypto/keyring.h"

namespace nightsafe {

struct VaultFile {
  std::string name;
  VaultId id;
  VerifyKey verify_key;
  BoxPublicKey opening_public_key;
  std::string sealed_keyring;
};

std::string EncodeVaultFile(const VaultFile& vault);
// INVALID_ARGUMENT for anything else.
absl::StatusOr<VaultFile> DecodeVaultFile(absl::string_view text);

// Registers it. ALREADY_EXISTS if the name or the id is taken.
absl::Status AddVaultToServer(const AdminClient& server,
                              const VaultFile& vault);

// A new vault whose keyring is sealed to `recovery_keys`. With an admin seed,
// that is kept in the keyring too, for a lost admin.
struct NewVault {
  VaultFile file;
  Keyring keyring;
};
absl::StatusOr<NewVault> CreateVault(
    absl::string_view name, const std::vector<BoxPublicKey>& recovery_keys,
    const SigningKey* admin_key);

}  // namespace nightsafe
