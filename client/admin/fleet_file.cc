#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "client/admin/policy_change.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/retention/policy.h"

namespace nightsafe {
namespace {

using v1::format::Policy;
using Take = std::function<absl::Status(const std::string&, const YAML::Node&)>;

constexpr size_t kMaxFileBytes = 16 << 20;

absl::Status At(const YAML::Node& node, const absl::Status& status) {
  return Annotate(status, absl::StrCat("line ", node.Mark().line + 1));
}

// Each name of a mapping, once.
absl::Status ForEach(const YAML::Node& node, absl::string_view what,
                     const Take& take) {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) {
    return At(node, absl::InvalidArgumentError(absl::StrCat(
                        what, " must be names with values, as in `a: b`")));
  }
  std::map<std::string, bool> seen;
  for (const auto& item : node) {
    const auto name = item.first.as<std::string>("");
    if (!seen.emplace(name, true).second) {
      return At(item.first, absl::InvalidArgumentError(absl::StrCat(
                                "\"", name, "\" stands there twice")));
    }
    NS_RETURN_IF_ERROR(take(name, item.second));
  }
  return absl::OkStatus();
}

absl::Status Unknown(const YAML::Node& node, const std::string& name,
                     absl::string_view known) {
  return At(node, absl::InvalidArgumentError(absl::StrCat(
                      "\"", name, "\" is not known here; there are ", known)));
}

absl::Status ReadPolicy(const YAML::Node& node, Policy& policy) {
  return ForEach(
      node, "a policy", [&](const std::string& name, const YAML::Node& value) {
        const auto rule = RuleOfName(name);
        if (!rule.ok()) return At(value, rule.status());
        return At(value, SetRule(policy, *rule, value.as<std::string>("")));
      });
}

absl::Status ReadHost(const std::string& host, const YAML::Node& node,
                      PolicyTree& tree) {
  NS_RETURN_IF_ERROR(At(node, ValidateName("host", host)));
  return ForEach(
      node, "a host", [&](const std::string& name, const YAML::Node& value) {
        if (name == "policy") return ReadPolicy(value, tree[{host, ""}]);
        if (name != "sets") return Unknown(value, name, "policy and sets");
        return ForEach(
            value, "sets",
            [&](const std::string& set, const YAML::Node& policy) {
              NS_RETURN_IF_ERROR(At(policy, ValidateName("set", set)));
              return ReadPolicy(policy, tree[{host, set}]);
            });
      });
}

absl::Status ReadVault(const YAML::Node& node, PolicyTree& tree) {
  return ForEach(
      node, "a vault", [&](const std::string& name, const YAML::Node& value) {
        if (name == "policy") return ReadPolicy(value, tree[{"", ""}]);
        if (name != "hosts") return Unknown(value, name, "policy and hosts");
        return ForEach(value, "hosts",
                       [&](const std::string& host, const YAML::Node& one) {
                         return ReadHost(host, one, tree);
                       });
      });
}

absl::Status ReadFleet(const YAML::Node& node,
                       std::map<std::string, PolicyTree>& vaults) {
  return ForEach(
      node, "the file", [&](const std::string& name, const YAML::Node& value) {
        if (name != "vaults") return Unknown(value, name, "vaults");
        return ForEach(
            value, "vaults",
            [&](const std::string& vault, const YAML::Node& one) {
              NS_RETURN_IF_ERROR(At(one, ValidateName("vault", vault)));
              return ReadVault(one, vaults[vault]);
            });
      });
}

}  // namespace

absl::StatusOr<std::map<std::string, PolicyTree>> ParseFleetFile(
    const std::string& text) {
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a file of ", text.size(), " bytes, at most ", kMaxFileBytes));
  }
  std::map<std::string, PolicyTree> vaults;
  try {
    NS_RETURN_IF_ERROR(ReadFleet(YAML::Load(text), vaults));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", error.mark.line + 1, ": ", error.msg));
  }
  for (const auto& [vault, tree] : vaults) {
    NS_RETURN_IF_ERROR(
        Annotate(ValidateTree(tree), absl::StrCat("vault ", vault)));
  }
  return vaults;
}

}  // namespace nightsafe
