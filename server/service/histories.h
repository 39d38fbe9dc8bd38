// What the state of a vault says of retention, as messages.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "nightsafe/v1/admin.pb.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

// Every set of `host`, or of all hosts if it is empty, as of `now`.
std::vector<v1::ListHistoriesReply> ToHistories(const VaultState& state,
                                                const std::string& host,
                                                absl::Time now);
v1::GetPoliciesReply ToPolicies(const VaultState& state,
                                const v1::GetPoliciesRequest& request,
                                absl::Time now);
v1::PrunedHost ToPruned(const HostPlan& plan);
// Adds what retention knows of a host: flags, expected interval, trash.
void AddRetention(const VaultState& state, absl::Time now,
                  v1::HostRecord& record);

}  // namespace nightsafe
