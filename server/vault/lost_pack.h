// Whether somebody has put back a pack that was lost.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/pack/seal.h"
#include "server/vault/pack_listing.h"

namespace nightsafe {

// The file is there, can be read, and has that pack's header.
bool HasItsHeader(FileSystem& fs, const VaultPaths& paths, const VaultId& vault,
                  const PackId& pack, PackPlace place);

struct FoundPack {
  SealedPack sealed;
  PackContents contents;  // what is right of it, read from the disk
};
// Nothing unless the finished pack is as long as it was, with its header and
// the table that `state` names; then it is synced and read.
absl::StatusOr<std::optional<FoundPack>> FindLostPack(FileSystem& fs,
                                                      const VaultPaths& paths,
                                                      const VaultId& vault,
                                                      const PackId& pack,
                                                      const PackState& state);

}  // namespace nightsafe
