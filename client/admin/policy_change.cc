#include "client/admin/policy_change.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/admin/orders.h"
#include "common/base/status.h"
#include "common/retention/policy.h"

namespace nightsafe {
namespace {

using v1::format::Policy;
using Scope = PolicyTree::key_type;

const Policy* Find(const PolicyTree& tree, const Scope& scope) {
  const auto found = tree.find(scope);
  return found == tree.end() ? nullptr : &found->second;
}

std::string ValueOf(const Policy* policy, PolicyRule rule) {
  if (policy == nullptr || !HasRule(*policy, rule)) return "";
  return RuleValue(*policy, rule);
}

// All that either has.
std::vector<Scope> ScopesOf(const PolicyTree& a, const PolicyTree& b) {
  std::map<Scope, bool> scopes;
  for (const auto& [scope, policy] : a) scopes[scope] = true;
  for (const auto& [scope, policy] : b) scopes[scope] = true;
  std::vector<Scope> list;
  for (const auto& [scope, is] : scopes) list.push_back(scope);
  return list;
}

}  // namespace

absl::StatusOr<PolicyTree> GetPolicyTree(const AdminClient& server,
                                         const std::string& vault) {
  v1::GetPoliciesRequest request;
  request.set_vault(vault);
  NS_ASSIGN_OR_RETURN(v1::GetPoliciesReply reply, server.GetPolicies(request));
  PolicyTree tree;
  for (const v1::PolicySet& one : reply.policies()) {
    tree[{one.host(), one.set()}] = one.policy();
  }
  return tree;
}

absl::Status ValidateTree(const PolicyTree& tree) {
  for (const auto& [scope, policy] : tree) {
    const OrderScope named{scope.first, scope.second};
    NS_RETURN_IF_ERROR(Annotate(ValidatePolicy(policy), named.Text("policy")));
    const EffectivePolicy effective = Merge(
        Find(tree, {"", ""}), Find(tree, {scope.first, ""}), Find(tree, scope));
    NS_RETURN_IF_ERROR(
        Annotate(ValidateEffective(effective.policy), named.Text("policy")));
  }
  return absl::OkStatus();
}

std::vector<RuleChange> CompareTrees(const PolicyTree& before,
                                     const PolicyTree& after) {
  std::vector<RuleChange> changes;
  for (const Scope& scope : ScopesOf(before, after)) {
    for (PolicyRule rule : AllPolicyRules()) {
      const std::string old = ValueOf(Find(before, scope), rule);
      const std::string now = ValueOf(Find(after, scope), rule);
      if (old == now) continue;
      changes.push_back(
          {scope.first, scope.second, std::string(RuleName(rule)), old, now});
    }
  }
  return changes;
}

absl::Status SetPolicies(const AdminClient& server, const SigningKey& admin_key,
                         const std::string& vault, const PolicyTree& before,
                         const PolicyTree& after) {
  for (const Scope& scope : ScopesOf(before, after)) {
    const Policy* now = Find(after, scope);
    const Policy wanted = now == nullptr ? Policy() : *now;
    const Policy* old = Find(before, scope);
    const Policy is = old == nullptr ? Policy() : *old;
    if (wanted.SerializeAsString() == is.SerializeAsString()) continue;
    NS_ASSIGN_OR_RETURN(v1::format::Order order,
                        BeginOrder(server, vault, absl::Now()));
    order.mutable_set_policy()->set_host(scope.first);
    order.mutable_set_policy()->set_set(scope.second);
    *order.mutable_set_policy()->mutable_policy() = wanted;
    NS_RETURN_IF_ERROR(SendOrder(server, admin_key, order));
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
