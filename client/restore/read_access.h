// From a key file to the key that opens a vault's snapshots.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/crypto/keyring.h"

namespace nightsafe {

// The vault's keyring, sealed to its recovery keys, from wherever it lies.
using SealedKeyringSource = std::function<absl::StatusOr<std::string>()>;

// Opens `key_file` (a read key or a recovery key; the latter opens the keyring
// first) for the vault `expected`.
//
// Without `expected` a recovery key takes the id the keyring itself claims:
// whoever serves it could have made it, so the caller shows the id and has it
// compared with the recovery sheet.
//
// INVALID_ARGUMENT: a key file of another kind; PERMISSION_DENIED: wrong
// passphrase, key of another vault, keyring not sealed to this key; errors of
// `keyring` pass through.
absl::StatusOr<ReadKey> OpenReadAccess(absl::string_view key_file,
                                       absl::string_view passphrase,
                                       const std::optional<VaultId>& expected,
                                       const SealedKeyringSource& keyring);

}  // namespace nightsafe
