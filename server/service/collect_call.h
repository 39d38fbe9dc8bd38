// A collection that an admin asked for, and its replies.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "nightsafe/v1/admin.pb.h"
#include "server/vault/vault.h"

namespace nightsafe {

// Purges, collects, and returns the last reply. `send` gets one about twice a
// second; an error from it stops the collection. Errors as Vault::Collect.
absl::StatusOr<v1::CollectReply> CollectVault(
    Vault& vault, const v1::CollectRequest& request,
    const std::function<absl::Status(const v1::CollectReply&)>& send);

}  // namespace nightsafe
