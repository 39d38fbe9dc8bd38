// What orders and policies do to the snapshots of a vault: each change is one
// durable record of its journal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/retention/plan.h"
#include "nightsafe/v1/format/order.pb.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

// Whether such an order goes to the journal of its vault, not to the server's.
bool ConcernsVault(const v1::format::Order& order);

// Carries the order out. One that was carried out before: OK, nothing done.
// Else as RetentionState::CheckOrder, and, of an order to expire that does not
// say that somebody looked at it, FAILED_PRECONDITION if it takes more than
// half of a host's live snapshots or those of a host under suspicion, and of
// one to set a policy if what is then in force somewhere, and was not before,
// must not be, and of a release of snapshots that are not there yet.
// INVALID_ARGUMENT: a keyring with an order that stores none.
absl::Status ObeyOrder(VaultJournal& journal,
                       const v1::format::VaultRecord::Ordered& ordered);

// Copies orders that added admin keys and that the journal does not have.
absl::Status CopyAdminKeys(VaultJournal& journal,
                           const std::vector<v1::format::SignedOrder>& orders);

// The plan that an unattended prune goes by. Refused, too, if the policy in
// force for one of the host's sets must not be: orders that two admins gave at
// once, or by an older program, may have left it so.
HostPlan PlanForPrune(const RetentionState& retention, const std::string& host,
                      absl::Time now);

// By the policies in force now; `host` empty: of every host. The plans that
// an unattended prune would go by.
std::vector<HostPlan> PlanHosts(const VaultJournal& journal,
                                const std::string& host, const Clock& clock);

// An unattended prune: what those plans let go expires, but for hosts whose
// plan is refused. FAILED_PRECONDITION: the server's clock was set back.
absl::StatusOr<std::vector<HostPlan>> PruneByPolicy(VaultJournal& journal,
                                                    const Clock& clock);

// What has been in the trash for its time is purged; returns how many.
absl::StatusOr<uint64_t> PurgeDue(VaultJournal& journal);

}  // namespace nightsafe
