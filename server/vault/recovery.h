// Brings packs, journal and object index of one vault in line at start-up.
// DESIGN.md in server/store says what is proved by it.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/store/object_index.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault_indexing.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// Finishes packs that an unclean stop left open, records packs that are gone,
// and brings the index up to the journal. Nothing else may use the vault.
// Repeating it after any interruption has the same result. Adds to `report`.
// `progress` gets the objects so far when the index is made anew.
absl::Status RecoverVault(FileSystem& fs, const VaultPaths& paths,
                          const VaultRegistration& vault, ObjectIndex& index,
                          VaultJournal& journal, StartupReport& report,
                          const IndexProgress& progress);

// As a change of the journal: the generation rises, so that every set's next
// commit proves everything again.
absl::Status RaiseGeneration(VaultJournal& journal, absl::string_view reason);

}  // namespace nightsafe
