// Which packs of a vault there are, and what is valid in one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/pack/format.h"
#include "server/vault/vault_paths.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

enum class PackPlace { kOpen, kSealed };

// Every file that is named as a pack. A pack that lies in both places counts
// as sealed.
absl::StatusOr<std::map<PackId, PackPlace>> ListPacks(FileSystem& fs,
                                                      const VaultPaths& paths);

// True: a start has nothing to do with this file. It ended without anything
// that counts; or its pack was collected, and this is a second name of it that
// a crash left, which must bring nothing back.
bool IsSettled(PackPlace place, const PackState* state);

std::string PackPath(const VaultPaths& paths, const PackId& pack,
                     PackPlace place);

// What of a pack stands.
struct PackContents {
  std::vector<PackEntry> entries;  // by offset
  uint64_t length = 0;             // bytes that hold them
  // Bytes from the start without damage.
  uint64_t intact_length = 0;
  // Why some of it could not be read now: then what is not among `entries` may
  // be there all the same. Empty: all was read.
  std::string unreadable;
};

// Reads the whole pack and verifies every object. DATA_LOSS: nothing can be
// found, since its header and its first record are damaged.
absl::StatusOr<PackContents> ScanContents(const File& file, uint64_t limit);

// From the table of contents if it is the one that the journal names and the
// pack is long enough, else from a scan. NOT_FOUND: there is no such file. A
// file that cannot be opened now is one that cannot be read.
absl::StatusOr<PackContents> LoadContents(FileSystem& fs,
                                          const VaultPaths& paths,
                                          const VaultId& vault,
                                          const PackId& pack, PackPlace place,
                                          const PackState* state);

}  // namespace nightsafe
