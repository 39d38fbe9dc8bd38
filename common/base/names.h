// Names of vaults, hosts, sets, domains, readers and admins.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nightsafe {

// OK if `name` is [a-z0-9][a-z0-9._-]{0,62}; else INVALID_ARGUMENT that says
// what `noun` ("host", "set", ...) it was and what is allowed.
absl::Status ValidateName(absl::string_view noun, absl::string_view name);

// Keys of snapshots in keyed sets (such as WAL file names):
// [A-Za-z0-9][A-Za-z0-9._-]{0,127}.
absl::Status ValidateKeyedName(absl::string_view name);

}  // namespace nightsafe
