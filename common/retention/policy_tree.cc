#include "common/retention/policy_tree.h"

#include "common/retention/policy.h"

namespace nightsafe {

std::map<PolicyTree::key_type, absl::Status> InvalidScopes(
    const PolicyTree& tree) {
  const auto find = [&](const std::string& host, const std::string& set) {
    const auto found = tree.find({host, set});
    return found == tree.end() ? nullptr : &found->second;
  };
  std::map<PolicyTree::key_type, absl::Status> invalid;
  const auto judge = [&](const std::string& host, const std::string& set) {
    const EffectivePolicy effective =
        Merge(find("", ""), find(host, ""), find(host, set));
    const absl::Status status = ValidateEffective(effective.policy);
    if (!status.ok()) invalid[{host, set}] = status;
  };
  judge("", "");
  for (const auto& [scope, policy] : tree) judge(scope.first, scope.second);
  return invalid;
}

}  // namespace nightsafe
