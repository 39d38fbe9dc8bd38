// The policies of a vault, its hosts and sets together.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "nightsafe/v1/format/policy.pb.h"

namespace nightsafe {

// What is set, by host and set ("" and "": the vault).
using PolicyTree =
    std::map<std::pair<std::string, std::string>, v1::format::Policy>;

// Of the vault and each scope of the tree: those whose policy, with what it
// inherits, must not be in force (ValidateEffective), and why.
std::map<PolicyTree::key_type, absl::Status> InvalidScopes(
    const PolicyTree& tree);

}  // namespace nightsafe
