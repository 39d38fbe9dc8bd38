// A pack as its name finds it, which is what counts after a restart.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "server/pack/pack_reader.h"
#include "server/store/object_index.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// Finished or not. NOT_FOUND: it is gone, while its directory shows others;
// UNAVAILABLE: it cannot be read, or somebody may have taken the disk away.
absl::StatusOr<std::unique_ptr<PackReader>> OpenNamedPack(
    FileSystem& fs, const VaultPaths& paths, const PackId& pack);

// OK if those bytes, read past the cache, are that object; DATA_LOSS: they are
// not; other errors as OpenNamedPack.
absl::Status ReadPastCache(FileSystem& fs, const VaultPaths& paths,
                           const ObjectId& id, const ObjectLocation& location);

// A file that somebody put back may be in memory only, and what is dirty is not
// read from the disk. OK if the pack is not finished: then it is synced as far
// as anything counts.
absl::Status SyncNamedPack(FileSystem& fs, const VaultPaths& paths,
                           const PackId& pack);

// Those copies that are right on the disk too.
std::vector<IndexEntry> RightOnDisk(FileSystem& fs, const VaultPaths& paths,
                                    const std::vector<IndexEntry>& copies);

enum class HeaderState {
  kFine,
  kDamaged,
  kOfAnother,  // a whole header of another pack or vault
};
// Decided by two looks past the cache. An error: cannot be read now.
absl::StatusOr<HeaderState> LookAtHeader(const PackReader& reader,
                                         const VaultId& vault,
                                         const PackId& pack);

// The header of an object's record, past the cache. DATA_LOSS: it is not as it
// should be; other errors: it cannot be read now.
absl::Status LookAtRecord(const File& file, const PackEntry& entry);

}  // namespace nightsafe
