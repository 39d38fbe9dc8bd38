// A pack as its name finds it, which is what counts after a restart.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "server/pack/pack_reader.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// Finished or not. NOT_FOUND: it is gone, while its directory shows others;
// UNAVAILABLE: it cannot be read, or somebody may have taken the disk away.
absl::StatusOr<std::unique_ptr<PackReader>> OpenNamedPack(
    FileSystem& fs, const VaultPaths& paths, const PackId& pack);

enum class HeaderState {
  kFine,
  kDamaged,
  kOfAnother,  // a whole header of another pack or vault
};
// Decided by two looks past the cache. An error: cannot be read now.
absl::StatusOr<HeaderState> LookAtHeader(const PackReader& reader,
                                         const VaultId& vault,
                                         const PackId& pack);

}  // namespace nightsafe
