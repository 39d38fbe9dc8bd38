// Packs that the journal calls removed and that lie among the finished ones all
// the same: the sweeper has not come yet, it found that they are needed, or
// somebody put them back.
#pragma once

#include "absl/status/status.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// Records those that are whole as finished again, so that the index may name
// them and the sweeper lets them be. Which of the three it is cannot be told:
// at worst the next collection removes them once more. Before RecoverVault,
// whose index does not know them. Adds notes to `report`, also of those that
// are not whole: they stay as they are.
absl::Status TakeBackRemoved(FileSystem& fs, const VaultPaths& paths,
                             const VaultRegistration& vault,
                             VaultJournal& journal, StartupReport& report);

}  // namespace nightsafe
