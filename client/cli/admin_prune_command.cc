// nightsafe-admin prune

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "client/admin/prune_plan.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct PruneOptions {
  std::string vault;
  std::vector<std::string> names;  // HOST[/SET]
  std::string admin_key;
  std::string reason;
  bool dry_run = false;
  bool override_checks = false;
  bool by_policy = false;
  bool json = false;
};

// What goes of a host, if anything does.
bool Goes(const HostPlan& host, const PruneOptions& options) {
  return host.expiring() > 0 &&
         (host.refusals.empty() || options.override_checks);
}

nlohmann::json ToJson(const PrunePlan& plan, const HostPlan& host,
                      const SetPlan& set) {
  nlohmann::json list = nlohmann::json::array();
  for (const Decision& one : set.decisions) {
    list.push_back(
        {{"snapshot", one.snapshot.id.Hex()},
         {"host", host.host},
         {"set", set.set},
         {"sequence", one.snapshot.sequence},
         {"received_unix_ns", absl::ToUnixNanos(one.snapshot.received)},
         {"keep", one.keep()},
         {"reasons", ReasonText(one, plan.PolicyOf(host, set))},
         {"suspicious", one.snapshot.suspicious},
         {"new_bytes", plan.new_bytes.at(one.snapshot.id)}});
  }
  return list;
}

void PrintJson(const PrunePlan& plan, const PruneOptions& options) {
  nlohmann::json hosts = nlohmann::json::array();
  for (const HostPlan& host : plan.hosts) {
    nlohmann::json snapshots = nlohmann::json::array();
    for (const SetPlan& set : host.sets) {
      for (nlohmann::json& one : ToJson(plan, host, set)) {
        snapshots.push_back(std::move(one));
      }
    }
    nlohmann::json refusals = nlohmann::json::array();
    for (const Refusal& refusal : host.refusals) {
      refusals.push_back(refusal.message);
    }
    hosts.push_back({{"host", host.host},
                     {"live", host.live()},
                     {"expiring", host.expiring()},
                     {"goes", Goes(host, options)},
                     {"refusals", refusals},
                     {"snapshots", snapshots}});
  }
  std::printf("%s\n", hosts.dump(2).c_str());
}

void PrintTable(const PrunePlan& plan) {
  std::vector<std::vector<std::string>> rows = {
      {"", "ID", "HOST/SET", "RECEIVED", "AGE", "NEW", "WHY"}};
  for (const HostPlan& host : plan.hosts) {
    for (const SetPlan& set : host.sets) {
      for (const Decision& one : set.decisions) {
        const LiveSnapshot& snapshot = one.snapshot;
        std::string why = ReasonText(one, plan.PolicyOf(host, set));
        if (!one.keep()) why = "no rule keeps it";
        if (snapshot.suspicious) why += " (suspicious)";
        rows.push_back(
            {one.keep() ? "keep" : "EXPIRE", snapshot.id.Hex().substr(0, 12),
             absl::StrCat(host.host, "/", set.set), ShowTime(snapshot.received),
             ShowDuration(plan.now - snapshot.received),
             ShowBytes(plan.new_bytes.at(snapshot.id)), why});
      }
    }
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
}

// When what goes of the host now can be purged.
absl::Time PurgedFrom(const PrunePlan& plan, const HostPlan& host) {
  absl::Duration trash;
  for (const SetPlan& set : host.sets) {
    if (set.expiring() == 0) continue;
    trash = std::max(trash, plan.PolicyOf(host, set).trash);
  }
  return plan.now + trash;
}

void PrintSummary(const PrunePlan& plan, const HostPlan& host,
                  const PruneOptions& options) {
  const char* verb = options.dry_run ? "would expire" : "expired";
  if (!Goes(host, options)) {
    std::fprintf(stderr, "%s: nothing goes (%llu snapshots stay)\n",
                 host.host.c_str(),
                 static_cast<unsigned long long>(host.live()));
    return;
  }
  std::fprintf(
      stderr,
      "%s: %llu of %llu snapshots %s; free now: nothing, they are in the trash "
      "(`nightsafe-admin trash list`); free on %s: up to %s\n",
      host.host.c_str(), static_cast<unsigned long long>(host.expiring()),
      static_cast<unsigned long long>(host.live()), verb,
      ShowTime(PurgedFrom(plan, host)).c_str(),
      ShowBytes(MostFreed(plan, host)).c_str());
}

// Hosts that nobody may prune without a look are named.
bool PrintRefusals(const PrunePlan& plan, const PruneOptions& options) {
  bool refused = false;
  for (const HostPlan& host : plan.hosts) {
    for (const Refusal& refusal : host.refusals) {
      std::fprintf(stderr, "%s%s\n",
                   options.override_checks ? "overridden: " : "refused: ",
                   refusal.message.c_str());
      refused |= !options.override_checks;
    }
  }
  return refused;
}

// Whether something was refused.
absl::StatusOr<bool> PruneVault(const AdminClient& client,
                                const std::string& vault) {
  v1::PruneByPolicyRequest request;
  request.set_vault(vault);
  NS_ASSIGN_OR_RETURN(v1::PruneByPolicyReply reply,
                      client.PruneByPolicy(request));
  bool refused = false;
  for (const v1::PrunedHost& host : reply.hosts()) {
    std::printf("%s: %llu of %llu snapshots expired\n", host.host().c_str(),
                static_cast<unsigned long long>(host.expired()),
                static_cast<unsigned long long>(host.live()));
    for (const std::string& refusal : host.refusals()) {
      std::fprintf(stderr, "refused: %s\n", refusal.c_str());
      refused = true;
    }
  }
  return refused;
}

// All vaults, unless one is named. What fails in one does not keep the others.
absl::StatusOr<ExitCode> PruneByPolicy(const AdminOptions& admin,
                                       const PruneOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  std::vector<std::string> vaults = {options.vault};
  if (options.vault.empty()) {
    NS_ASSIGN_OR_RETURN(const std::vector<v1::AdminVault> all,
                        link->client().ListVaults());
    vaults.clear();
    for (const v1::AdminVault& vault : all) {
      vaults.push_back(vault.name());
    }
  }
  bool refused = false;
  absl::Status first;
  for (const std::string& vault : vaults) {
    const absl::StatusOr<bool> one = PruneVault(link->client(), vault);
    first.Update(Annotate(one.status(), absl::StrCat("vault ", vault)));
    refused |= one.ok() && *one;
  }
  NS_RETURN_IF_ERROR(first);
  return refused ? kExitAttention : kExitOk;
}

absl::Status Expire(const AdminOptions& admin, const ServerLink& link,
                    const PrunePlan& plan, const PruneOptions& options) {
  std::vector<const HostPlan*> going;
  for (const HostPlan& host : plan.hosts) {
    if (Goes(host, options)) going.push_back(&host);
  }
  if (going.empty() || options.dry_run) return absl::OkStatus();
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  for (const HostPlan* host : going) {
    NS_RETURN_IF_ERROR(Annotate(
        ExpireSnapshots(
            link.client(), key, options.vault, host->ExpiringIds(),
            options.override_checks ? ExpireBy::kOverride : ExpireBy::kPolicy,
            options.reason),
        host->host));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Run(const AdminOptions& admin, PruneOptions options) {
  if (options.by_policy) return PruneByPolicy(admin, options);
  if (options.vault.empty()) options.vault = "main";
  std::vector<OrderScope> scopes;
  for (const std::string& name : options.names) {
    NS_ASSIGN_OR_RETURN(OrderScope scope, ParseOrderScope(name));
    scopes.push_back(std::move(scope));
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(
      PrunePlan plan,
      MakePrunePlan(link->client(), options.vault, scopes, absl::Now()));
  options.json ? PrintJson(plan, options) : PrintTable(plan);
  const bool refused = PrintRefusals(plan, options);
  NS_RETURN_IF_ERROR(Expire(admin, *link, plan, options));
  for (const HostPlan& host : plan.hosts) PrintSummary(plan, host, options);
  return refused ? kExitAttention : kExitOk;
}

}  // namespace

void AddPruneCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* command = program.AddCommand(
      "prune",
      "Put what no rule of the policies keeps into the trash, by an order that "
      "you sign. The plan is made here and shown, with a reason for each "
      "snapshot");
  command->add_option("HOST[/SET]", options->names, "only these");
  command->add_option("--vault", options->vault,
                      "default: main; with --by-policy all");
  command->add_flag("--dry-run", options->dry_run, "only show the plan");
  command->add_flag("--json", options->json);
  command->add_flag("--override", options->override_checks,
                    "you looked at what is refused: suspicious snapshots, a "
                    "large share, a clock. Floors, locks and holds stay");
  command->add_option("--reason", options->reason, "kept in the journal");
  command->add_option("--admin-key", options->admin_key,
                      "default: admin.key of the admin directory");
  command
      ->add_flag("--by-policy", options->by_policy,
                 "let the server do it under the signed policies, without any "
                 "key: for a timer")
      ->excludes("--dry-run")
      ->excludes("--override");
  program.OnRun(command, [&admin, options] { return Run(admin, *options); });
}

}  // namespace nightsafe
