// nightsafe-admin policy show | set, nightsafe-admin apply

#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/admin/orders.h"
#include "client/admin/policy_change.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "common/retention/policy.h"

namespace nightsafe {
namespace {

using v1::format::Policy;

constexpr size_t kMaxFleetFileBytes = 16 << 20;

struct PolicyOptions {
  std::string vault = "main";
  std::string name;  // HOST[/SET]
  std::vector<std::string> rules;
  std::string file;
  std::string admin_key;
  bool dry_run = false;
  bool json = false;
};

const Policy* Find(const v1::GetPoliciesReply& reply, const std::string& host,
                   const std::string& set) {
  for (const v1::PolicySet& one : reply.policies()) {
    if (one.host() == host && one.set() == set) return &one.policy();
  }
  return nullptr;
}

// What was set and does not hold yet.
std::string PendingNote(const v1::GetPoliciesReply& reply, PolicyRule rule,
                        const EffectivePolicy& asked) {
  const int64_t from =
      rule == PolicyRule::kMinAge      ? reply.min_age_from_unix_ns()
      : rule == PolicyRule::kTrashDays ? reply.trash_from_unix_ns()
                                       : 0;
  if (from == 0) return "";
  return absl::StrCat(RuleValue(asked.policy, rule), " from ",
                      ShowTime(absl::FromUnixNanos(from)));
}

void PrintPolicyJson(const v1::GetPoliciesReply& reply,
                     const EffectivePolicy& asked) {
  nlohmann::json rules = nlohmann::json::object();
  for (PolicyRule rule : AllPolicyRules()) {
    nlohmann::json& one = rules[std::string(RuleName(rule))];
    one = {{"value", RuleValue(reply.in_force(), rule)},
           {"from", std::string(ScopeName(asked.From(rule)))}};
    const std::string pending = PendingNote(reply, rule, asked);
    if (!pending.empty()) one["pending"] = pending;
  }
  nlohmann::json locks = nlohmann::json::array();
  for (const v1::LockState& lock : reply.locks()) {
    locks.push_back({{"host", lock.host()},
                     {"set", lock.set()},
                     {"until_unix_ns", lock.until_unix_ns()}});
  }
  nlohmann::json holds = nlohmann::json::array();
  for (const v1::HoldState& hold : reply.holds()) {
    holds.push_back({{"host", hold.host()},
                     {"set", hold.set()},
                     {"since_unix_ns", hold.since_unix_ns()},
                     {"reason", hold.reason()}});
  }
  const nlohmann::json all = {
      {"rules", rules}, {"locks", locks}, {"holds", holds}};
  std::printf("%s\n", all.dump(2).c_str());
}

void PrintPolicyTable(const PolicyOptions& options,
                      const v1::GetPoliciesReply& reply,
                      const EffectivePolicy& asked) {
  std::vector<std::vector<std::string>> rows = {
      {"RULE", "VALUE", "FROM", "LATER"}};
  for (PolicyRule rule : AllPolicyRules()) {
    rows.push_back({std::string(RuleName(rule)),
                    RuleValue(reply.in_force(), rule),
                    std::string(ScopeName(asked.From(rule))),
                    PendingNote(reply, rule, asked)});
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
  for (const v1::LockState& lock : reply.locks()) {
    std::printf("locked: %s until %s\n",
                OrderScope{lock.host(), lock.set()}.Text(options.vault).c_str(),
                ShowTime(absl::FromUnixNanos(lock.until_unix_ns())).c_str());
  }
  for (const v1::HoldState& hold : reply.holds()) {
    std::printf("held: %s since %s (%s)\n",
                OrderScope{hold.host(), hold.set()}.Text(options.vault).c_str(),
                ShowTime(absl::FromUnixNanos(hold.since_unix_ns())).c_str(),
                ShowName(hold.reason()).c_str());
  }
}

absl::StatusOr<ExitCode> Show(const AdminOptions& admin,
                              const PolicyOptions& options) {
  NS_ASSIGN_OR_RETURN(OrderScope scope, ParseOrderScope(options.name));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  v1::GetPoliciesRequest request;
  request.set_vault(options.vault);
  request.set_host(scope.host);
  request.set_set(scope.set);
  NS_ASSIGN_OR_RETURN(v1::GetPoliciesReply reply,
                      link->client().GetPolicies(request));
  const EffectivePolicy asked =
      Merge(Find(reply, "", ""),
            scope.host.empty() ? nullptr : Find(reply, scope.host, ""),
            scope.set.empty() ? nullptr : Find(reply, scope.host, scope.set));
  if (options.json) {
    PrintPolicyJson(reply, asked);
  } else {
    PrintPolicyTable(options, reply, asked);
  }
  return kExitOk;
}

void PrintChanges(const std::string& vault,
                  const std::vector<RuleChange>& changes) {
  std::vector<std::vector<std::string>> rows = {
      {"SCOPE", "RULE", "BEFORE", "AFTER"}};
  for (const RuleChange& change : changes) {
    rows.push_back({OrderScope{change.host, change.set}.Text(vault),
                    change.rule,
                    change.before.empty() ? "inherited" : change.before,
                    change.after.empty() ? "inherited" : change.after});
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
}

absl::Status ChangeRule(Policy& policy, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not RULE=VALUE, such as keep-daily=14"));
  }
  NS_ASSIGN_OR_RETURN(PolicyRule rule, RuleOfName(text.substr(0, equals)));
  const std::string value = text.substr(equals + 1);
  if (value != "inherit") return SetRule(policy, rule, value);
  ClearRule(policy, rule);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Set(const AdminOptions& admin,
                             const PolicyOptions& options) {
  // The name may be left out: then the first word is a rule.
  std::vector<std::string> rules = options.rules;
  std::string name;
  if (!rules.empty() && rules[0].find('=') == std::string::npos) {
    name = rules[0];
    rules.erase(rules.begin());
  }
  if (rules.empty()) {
    return absl::InvalidArgumentError(
        "nothing to set: say RULE=VALUE, such as keep-daily=14");
  }
  NS_ASSIGN_OR_RETURN(OrderScope scope, ParseOrderScope(name));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(PolicyTree before,
                      GetPolicyTree(link->client(), options.vault));
  PolicyTree after = before;
  for (const std::string& rule : rules) {
    NS_RETURN_IF_ERROR(ChangeRule(after[{scope.host, scope.set}], rule));
  }
  NS_RETURN_IF_ERROR(ValidateTree(after));
  const std::vector<RuleChange> changes = CompareTrees(before, after);
  PrintChanges(options.vault, changes);
  if (changes.empty() || options.dry_run) return kExitOk;
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(
      SetPolicies(link->client(), key, options.vault, before, after));
  return kExitOk;
}

absl::StatusOr<ExitCode> Apply(const AdminOptions& admin,
                               const PolicyOptions& options) {
  NS_ASSIGN_OR_RETURN(
      std::string text,
      ReadWholeFile(*NewPosixFileSystem(), options.file, kMaxFleetFileBytes));
  const auto vaults = ParseFleetFile(text);
  if (!vaults.ok()) return Annotate(vaults.status(), options.file);
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  std::map<std::string, PolicyTree> before;
  bool any = false;
  for (const auto& [vault, tree] : *vaults) {
    NS_ASSIGN_OR_RETURN(before[vault], GetPolicyTree(link->client(), vault));
    const std::vector<RuleChange> changes = CompareTrees(before[vault], tree);
    if (changes.empty()) continue;
    any = true;
    PrintChanges(vault, changes);
  }
  if (!any) std::fprintf(stderr, "everything is as the file says\n");
  if (!any || options.dry_run) return kExitOk;
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  for (const auto& [vault, tree] : *vaults) {
    NS_RETURN_IF_ERROR(
        SetPolicies(link->client(), key, vault, before[vault], tree));
  }
  return kExitOk;
}

void AddKeyOptions(CLI::App* command, PolicyOptions& options) {
  command->add_flag("--dry-run", options.dry_run,
                    "only show what would change");
  command->add_option("--admin-key", options.admin_key,
                      "default: admin.key of the admin directory");
}

}  // namespace

void AddPolicyCommands(Program& program, AdminOptions& admin) {
  CLI::App* policy = program.AddCommand(
      "policy", "How long snapshots stay: of a vault, a host, a set");
  policy->require_subcommand(1);

  auto show = std::make_shared<PolicyOptions>();
  CLI::App* command = program.AddCommand(
      "show", "The rules in force, and where each comes from", policy);
  command->add_option("HOST[/SET]", show->name, "default: the vault");
  command->add_option("--vault", show->vault)->capture_default_str();
  command->add_flag("--json", show->json);
  program.OnRun(command, [&admin, show] { return Show(admin, *show); });

  auto set = std::make_shared<PolicyOptions>();
  command = program.AddCommand(
      "set",
      "Change rules, by a signed order: [HOST[/SET]] RULE=VALUE ... A rule "
      "that is set to `inherit` is what the host or the vault says. A lowered "
      "min-age or trash-days takes effect when the old one has passed",
      policy);
  command->add_option("RULES", set->rules, "[HOST[/SET]] RULE=VALUE ...")
      ->required();
  command->add_option("--vault", set->vault)->capture_default_str();
  AddKeyOptions(command, *set);
  program.OnRun(command, [&admin, set] { return Set(admin, *set); });

  auto apply = std::make_shared<PolicyOptions>();
  command = program.AddCommand(
      "apply",
      "Make the policies of whole vaults what a file says; what it does not "
      "name is inherited from then on");
  command->add_option("FILE", apply->file, "YAML")->required();
  AddKeyOptions(command, *apply);
  program.OnRun(command, [&admin, apply] { return Apply(admin, *apply); });
}

}  // namespace nightsafe
