// Fills the object index from the packs of a vault.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/pack/format.h"
#include "server/store/object_index.h"
#include "server/vault/pack_listing.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// May be empty.
using IndexProgress = std::function<void(uint64_t objects)>;

// For the report: some of the pack could not be read now.
std::string UnreadablePack(absl::string_view vault, const PackId& pack,
                           absl::string_view reason);
// What of such a pack may be indexed: `length` bytes of it were promised.
void KeepPromised(uint64_t length, PackContents& contents);

// Where the index finds an object of that pack.
IndexEntry ToIndexEntry(const PackId& pack, const PackEntry& entry);

// Puts every object of every pack into the index, which knows nothing of this
// vault, and returns how many. Writes the index only. Packs without a valid
// table of contents are scanned; what is missing or damaged is a loss in
// `report`. Of a pack that cannot be read now what the journal promised and
// could be read is indexed, and its length is not: the next start looks again.
// `progress` gets the objects so far.
absl::StatusOr<uint64_t> IndexVault(FileSystem& fs, const VaultPaths& paths,
                                    const VaultRegistration& vault,
                                    ObjectIndex& index,
                                    const VaultJournal& journal,
                                    StartupReport& report,
                                    const IndexProgress& progress);

}  // namespace nightsafe
