// The objects that hold manifests.
#pragma once

#include "absl/status/status.h"
#include "server/vault/object_store.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

// Stores again each manifest that has no good copy: it is whole in its commit
// record, and no host puts an old one again. What finds no room is left for the
// next call. An error: the index failed.
absl::Status StoreAbsentManifests(const VaultJournal& journal,
                                  ObjectStore& store);

}  // namespace nightsafe
