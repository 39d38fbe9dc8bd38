#include "client/restore/read_access.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"

namespace nightsafe {
namespace {

absl::Status CheckVault(const VaultId& found,
                        const std::optional<VaultId>& expected) {
  if (!expected.has_value() || found == *expected) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the key is for vault ", found.Hex(), ", not for ",
                   expected->Hex(), "; use that vault's key"));
}

absl::StatusOr<ReadKey> OpenWithRecoveryKey(
    absl::string_view key_file, absl::string_view passphrase,
    const std::optional<VaultId>& expected,
    const SealedKeyringSource& keyring_source) {
  NS_ASSIGN_OR_RETURN(BoxKey key, DecodeRecoveryKeyFile(key_file, passphrase));
  NS_ASSIGN_OR_RETURN(std::string sealed, keyring_source());
  NS_ASSIGN_OR_RETURN(VaultId claimed, SealedKeyringVault(AsBytes(sealed)));
  if (expected.has_value() && claimed != *expected) {
    return absl::PermissionDeniedError(
        absl::StrCat("the server's keyring is of vault ", claimed.Hex(),
                     ", expected ", expected->Hex(), "; do not trust it"));
  }
  NS_ASSIGN_OR_RETURN(Keyring keyring,
                      OpenKeyring(AsBytes(sealed), key, claimed));
  return keyring.DeriveReadKey();
}

}  // namespace

absl::StatusOr<ReadKey> OpenReadAccess(absl::string_view key_file,
                                       absl::string_view passphrase,
                                       const std::optional<VaultId>& expected,
                                       const SealedKeyringSource& keyring) {
  NS_ASSIGN_OR_RETURN(KeyFileSummary summary, DescribeKeyFile(key_file));
  if (summary.kind == v1::format::KeyFile::RECOVERY) {
    return OpenWithRecoveryKey(key_file, passphrase, expected, keyring);
  }
  NS_ASSIGN_OR_RETURN(ReadKey key, DecodeReadKeyFile(key_file, passphrase));
  NS_RETURN_IF_ERROR(CheckVault(key.vault_id, expected));
  return key;
}

}  // namespace nightsafe
