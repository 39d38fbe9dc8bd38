// Changing what policies say: compared with what is set, judged as a whole,
// sent as orders.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/rpc/admin_client.h"
#include "common/crypto/signature.h"
#include "common/retention/policy_tree.h"
#include "nightsafe/v1/format/policy.pb.h"

namespace nightsafe {

absl::StatusOr<PolicyTree> GetPolicyTree(const AdminClient& server,
                                         const std::string& vault);
// INVALID_ARGUMENT names the scope whose policy, with what it inherits, must
// not be in force.
absl::Status ValidateTree(const PolicyTree& tree);

struct RuleChange {
  std::string host;
  std::string set;
  std::string rule;
  std::string before;  // empty: inherited
  std::string after;
};
// From one tree to another, in the order of the tree. A scope that `after` does
// not have is to inherit everything.
std::vector<RuleChange> CompareTrees(const PolicyTree& before,
                                     const PolicyTree& after);

// The scopes that differ, in such an order that after each change what is in
// force is valid: a server takes no other. FAILED_PRECONDITION: there is none.
absl::StatusOr<std::vector<PolicyTree::key_type>> OrderChanges(
    const PolicyTree& before, const PolicyTree& after);

// Sends an order for each scope that differs; errors of OrderChanges too.
absl::Status SetPolicies(const AdminClient& server, const SigningKey& admin_key,
                         const std::string& vault, const PolicyTree& before,
                         const PolicyTree& after);

// The policies of a whole fleet, by vault:
//   vaults:
//     main:
//       policy: {keep-daily: 14}
//       hosts:
//         web1:
//           policy: {keep-daily: 30}
//           sets: {db: {keep-hourly: 48, min-age: 7d}}
// INVALID_ARGUMENT names the line.
absl::StatusOr<std::map<std::string, PolicyTree>> ParseFleetFile(
    const std::string& text);

}  // namespace nightsafe
