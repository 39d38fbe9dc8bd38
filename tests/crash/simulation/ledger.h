// What was acknowledged, remembered outside the disk, and whether a server
// still has all of it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/crypto/signature.h"
#include "server/vault/data_directory.h"
#include "tests/crash/simulation/agent.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {

inline constexpr absl::string_view kSimData = "/data";

struct Ledger {
  std::map<SnapshotId, AttemptPtr> attempted;
  std::vector<SnapshotId> acknowledged;
  std::vector<std::string> vaults;
  // Its addition was not answered yet; without a name: none is under way.
  VaultRegistration adding;
  std::vector<HostRegistration> hosts;
  uint64_t put_bytes = 0;  // of objects that a server took
  // Whose orders to expire were sent: they may be listed or not.
  std::set<SnapshotId> expiring;
  // Of those, whose orders were answered: they are live nevermore.
  std::set<SnapshotId> expired;
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

// Expires snapshots so that they may go at once, by orders of this key.
struct Reaper {
  std::shared_ptr<const SigningKey> admin;
  TestClock* clock = nullptr;
};
// One durable record of the vault's journal that changes nothing.
absl::Status GiveEmptyOrder(DataDirectory& data, const Reaper& reaper,
                            absl::string_view vault);
// A policy without a floor and without trash, and time for it to count.
absl::Status AllowExpiry(DataDirectory& data, const Reaper& reaper,
                         absl::string_view vault);
// Every second acknowledged snapshot of the vault from the `first` on.
absl::Status ExpireSome(DataDirectory& data, const Reaper& reaper,
                        absl::string_view vault, size_t first, Ledger& ledger);
// Purges and collects in every vault, also most of it. Sessions without a
// stream end.
absl::Status CollectAll(DataDirectory& data);
// Unlinks removed packs, as nightsafe-sweep.
absl::Status SweepAll(FileSystem& fs, DataDirectory& data);

// Not OK: a promise was broken; the message says which one.
absl::Status VerifyLedger(DataDirectory& data, const Ledger& ledger);

}  // namespace nightsafe
