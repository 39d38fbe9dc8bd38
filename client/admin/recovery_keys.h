// Which recovery keys open a vault. What becomes of the keyring is checked
// here, where a key is that opens it, before an order makes the server keep it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/rpc/admin_client.h"
#include "common/crypto/keyring.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {

// The keyring of a vault as the server keeps it.
struct StoredKeyring {
  std::string vault;
  // What it must be of; by whoever asks, or else by the server.
  VaultId id;
  v1::AdminGetKeyringReply reply;
};
// NOT_FOUND: no such vault, or the server keeps no keyring of it.
// PERMISSION_DENIED: the server's vault has another id than `expected`.
absl::StatusOr<StoredKeyring> FetchKeyring(
    const AdminClient& server, absl::string_view vault,
    const std::optional<VaultId>& expected);

// The one of its recovery keys that `text` names: at least eight digits of the
// key's id, or its public key. NOT_FOUND, INVALID_ARGUMENT.
absl::StatusOr<KeyId> FindRecoveryKey(const StoredKeyring& stored,
                                      absl::string_view text);

// Makes the server keep `sealed` in the place of what `stored` has, and sees to
// it that it does. `sealed` comes from AddKeyringRecipient or
// RemoveKeyringRecipient. FAILED_PRECONDITION: somebody else was faster.
absl::Status StoreKeyring(const AdminClient& server,
                          const SigningKey& admin_key,
                          const StoredKeyring& stored,
                          const std::string& sealed, absl::string_view reason);

// What a recovery key was shown to open, beside the keyring.
struct RecoveryProof {
  KeyId key;
  // The newest snapshot, if there is one.
  std::optional<Manifest> manifest;
};
// Errors as OpenKeyring and OpenManifest.
absl::StatusOr<RecoveryProof> TryRecoveryKey(const StoredKeyring& stored,
                                             const BoxKey& recovery_key);
// So that the server tells when that was.
absl::Status RecordProof(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view vault, const KeyId& recovery_key);

}  // namespace nightsafe
