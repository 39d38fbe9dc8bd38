// What is said of lost packs, and whether somebody has put one back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/io/file_system.h"
#include "server/pack/seal.h"
#include "server/vault/pack_listing.h"
#include "server/vault/vault_journal.h"

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

// For a person: what happened, what it hits, what to do.
std::string DescribeLoss(absl::string_view vault, const PackId& pack,
                         absl::string_view reason, absl::string_view snapshots);
// Packs that were lost after the last commit, at `until_ns` at the latest: the
// start that found it may have died before anybody read of it.
void AddEarlierLosses(absl::string_view vault, const VaultJournal& journal,
                      int64_t until_ns, std::vector<std::string>& losses);

}  // namespace nightsafe
