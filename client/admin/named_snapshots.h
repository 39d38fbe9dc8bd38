// Snapshots that an admin names.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/rpc/admin_client.h"

namespace nightsafe {

std::string IdOf(const v1::AdminSnapshot& snapshot);
// "HOST/SET", or "HOST/SET/NAME" of a keyed one.
std::string SetOf(const v1::AdminSnapshot& snapshot);

// Those in that life ("live", "expired") that the names mean, each once. A name
// is a host, HOST/SET, or the beginning of an id of at least 6 digits.
// NOT_FOUND: a name means nothing. INVALID_ARGUMENT: several ids begin so.
absl::StatusOr<std::vector<v1::AdminSnapshot>> FindNamed(
    const AdminClient& server, const std::string& vault, const char* life,
    const std::vector<std::string>& names);

absl::StatusOr<std::vector<SnapshotId>> IdsOf(
    const std::vector<v1::AdminSnapshot>& snapshots);

}  // namespace nightsafe
