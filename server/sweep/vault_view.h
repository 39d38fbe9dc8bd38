// A vault as the sweeper sees it: its journal, replayed with nothing believed
// that signatures, the chain and the sweeper's own clock and memory do not
// bear.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/crypto/blake3.h"
#include "common/crypto/signature.h"
#include "common/io/file_system.h"
#include "nightsafe/v1/format/sweep.pb.h"
#include "server/sweep/config.h"
#include "server/vault/vault_paths.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

struct VaultView {
  VaultId id;
  VaultState state;
  Hash32 chain{};  // after state.records() records
};

// By a vault's id its first verify key, of which the id is the hash: so it does
// not matter where they are from.
using VaultVerifyKeys = std::map<VaultId, VerifyKey>;
// From the server's journal below the data directory. Errors as of Registry.
absl::StatusOr<VaultVerifyKeys> ReadVaultVerifyKeys(FileSystem& fs,
                                                    const SweepConfig& config,
                                                    const Clock& clock);

// Reads and syncs the journal below `paths`. `seen`: what the last run
// remembered; without a name it saw nothing. Errors say why nothing of this
// vault may be touched:
//   DATA_LOSS           the journal is damaged, or does not go on from `seen`
//   PERMISSION_DENIED   it is of another server, or names other admin keys, or
//                       it has commits and `keys` no key to check them
//   FAILED_PRECONDITION times that cannot be, or records that are forged
//   UNAVAILABLE         it cannot be read now
absl::StatusOr<VaultView> ViewVault(FileSystem& fs, const VaultPaths& paths,
                                    const std::string& name,
                                    const SweepConfig& config,
                                    const VaultVerifyKeys& keys,
                                    const v1::format::SweptVault& seen,
                                    absl::Time now);

}  // namespace nightsafe
