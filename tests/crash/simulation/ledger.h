// What was acknowledged, remembered outside the disk, and whether a server
// still has all of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/vault/data_directory.h"
#include "tests/crash/simulation/agent.h"

namespace nightsafe {

struct Ledger {
  std::map<SnapshotId, AttemptPtr> attempted;
  std::vector<SnapshotId> acknowledged;
  std::vector<std::string> vaults;
  // Its addition was not answered yet; without a name: none is under way.
  VaultRegistration adding;
  std::vector<HostRegistration> hosts;
  uint64_t put_bytes = 0;  // of objects that a server took
};

// Opens a session for `attempt`, puts what is wanted, commits, and notes each
// step in `ledger`. OK: acknowledged. ABORTED: another answer than Committed.
absl::Status Deposit(DataDirectory& data, Agent& agent,
                     const AttemptPtr& attempt, Ledger& ledger);
// The steps of it: what the server wants of the attempt's objects...
absl::StatusOr<std::vector<SharedObject>> AskWanted(DepositSession& session,
                                                    const Attempt& attempt);
// ...and the commit, again with what was missing.
absl::Status Commit(DepositSession& session, Agent& agent,
                    const AttemptPtr& attempt, Ledger& ledger);

// Not OK: a promise was broken; the message says which one.
absl::Status VerifyLedger(DataDirectory& data, const Ledger& ledger);

}  // namespace nightsafe
