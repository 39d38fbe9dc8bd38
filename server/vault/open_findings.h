// What was found wrong earlier and has no good copy yet.
#pragma once

#include <vector>

#include "server/vault/scrub.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

// Without what `named` names, as an object or with its whole pack.
std::vector<ScrubProblem> OpenFindings(const VaultJournal& journal,
                                       const std::vector<ScrubProblem>& named);

}  // namespace nightsafe
