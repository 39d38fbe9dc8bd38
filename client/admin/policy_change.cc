#include "client/admin/policy_change.h"

#include <algorithm>

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

Policy PolicyOf(const PolicyTree& tree, const Scope& scope) {
  const Policy* found = Find(tree, scope);
  return found == nullptr ? Policy() : *found;
}

bool SamePolicy(const Policy* a, const Policy* b) {
  const Policy none;
  return (a == nullptr ? none : *a).SerializeAsString() ==
         (b == nullptr ? none : *b).SerializeAsString();
}

// As the server judges a change.
bool IsAllowed(PolicyTree tree, const Scope& scope, const Policy& policy) {
  const auto before = InvalidScopes(tree);
  tree[scope] = policy;
  const auto after = InvalidScopes(tree);
  return std::all_of(after.begin(), after.end(), [&](const auto& item) {
    return item.first != scope && before.contains(item.first);
  });
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
    NS_RETURN_IF_ERROR(
        Annotate(ValidatePolicy(policy),
                 OrderScope{scope.first, scope.second}.Text("policy")));
  }
  for (const auto& [scope, status] : InvalidScopes(tree)) {
    return Annotate(status,
                    OrderScope{scope.first, scope.second}.Text("policy"));
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

absl::StatusOr<std::vector<Scope>> OrderChanges(const PolicyTree& before,
                                                const PolicyTree& after) {
  std::vector<Scope> left;
  for (const Scope& scope : ScopesOf(before, after)) {
    if (!SamePolicy(Find(before, scope), Find(after, scope))) {
      left.push_back(scope);
    }
  }
  PolicyTree is = before;
  std::vector<Scope> ordered;
  while (!left.empty()) {
    const auto next =
        std::find_if(left.begin(), left.end(), [&](const Scope& scope) {
          return IsAllowed(is, scope, PolicyOf(after, scope));
        });
    if (next == left.end()) {
      return absl::FailedPreconditionError(absl::StrCat(
          left.size(),
          " changes, each by itself, would leave something that keeps nothing "
          "by the calendar: in a first step set the rules that keep, in a "
          "second drop the others"));
    }
    is[*next] = PolicyOf(after, *next);
    ordered.push_back(*next);
    left.erase(next);
  }
  return ordered;
}

absl::Status SetPolicies(const AdminClient& server, const SigningKey& admin_key,
                         const std::string& vault, const PolicyTree& before,
                         const PolicyTree& after) {
  NS_ASSIGN_OR_RETURN(const std::vector<Scope> changes,
                      OrderChanges(before, after));
  for (const Scope& scope : changes) {
    NS_ASSIGN_OR_RETURN(v1::format::Order order,
                        BeginOrder(server, vault, absl::Now()));
    order.mutable_set_policy()->set_host(scope.first);
    order.mutable_set_policy()->set_set(scope.second);
    *order.mutable_set_policy()->mutable_policy() = PolicyOf(after, scope);
    NS_RETURN_IF_ERROR(SendOrder(server, admin_key, order));
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
