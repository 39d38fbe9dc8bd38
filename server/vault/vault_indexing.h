// Fills the object index from the packs of a vault.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/pack/format.h"
#include "server/store/object_index.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// May be empty.
using IndexProgress = std::function<void(uint64_t objects)>;

// Where the index finds an object of that pack.
IndexEntry ToIndexEntry(const PackId& pack, const PackEntry& entry);

// Puts every object of every pack into the index, which knows nothing of this
// vault, and returns how many. Writes the index only. Packs without a valid
// table of contents are scanned; what is missing or unreadable is a loss in
// `report`. `progress` gets the objects so far.
absl::StatusOr<uint64_t> IndexVault(FileSystem& fs, const VaultPaths& paths,
                                    const VaultRegistration& vault,
                                    ObjectIndex& index,
                                    const VaultJournal& journal,
                                    StartupReport& report,
                                    const IndexProgress& progress);

}  // namespace nightsafe
