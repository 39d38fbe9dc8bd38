// What was found wrong earlier and has no good copy yet.
#pragma once

#include <vector>

#include "server/vault/scrub.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

// Without what `named` names, as an object or with its whole pack.
std::vector<ScrubProblem> OpenFindings(const VaultJournal& journal,
                                       const std::vector<ScrubProblem>& named);

// The object was found wrong, has no good copy that is known, and this copy was
// never found wrong.
bool HasOpenFinding(const VaultJournal& journal, const IndexEntry& copy);
// That copy is known to be wrong, and of no consequence since a good one is
// stored.
bool IsSettled(const VaultJournal& journal, const IndexEntry& copy);

// The copies of which that cannot be said.
std::vector<IndexEntry> NotSettled(const VaultJournal& journal,
                                   const PackId& pack,
                                   const std::vector<PackEntry>& entries);

}  // namespace nightsafe
