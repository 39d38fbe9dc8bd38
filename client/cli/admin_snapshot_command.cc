// nightsafe-admin snapshot list | expire

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/admin/named_snapshots.h"
#include "client/admin/orders.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct SnapshotOptions {
  std::string vault = "main";
  std::string name;  // HOST[/SET]
  bool all = false;
  bool json = false;
};

struct ExpireOptions {
  std::string vault = "main";
  std::vector<std::string> names;
  std::string admin_key;
  std::string reason;
  bool all = false;
  bool dry_run = false;
  bool override_checks = false;
};

void PrintJson(const std::vector<v1::AdminSnapshot>& snapshots) {
  nlohmann::json list = nlohmann::json::array();
  for (const v1::AdminSnapshot& snapshot : snapshots) {
    list.push_back(
        {{"snapshot", IdOf(snapshot)},
         {"host", snapshot.host()},
         {"set", snapshot.set()},
         {"name", snapshot.keyed_name()},
         {"sequence", snapshot.sequence()},
         {"received_unix_ns", snapshot.received_unix_ns()},
         {"new_bytes", snapshot.new_bytes()},
         {"rounded_entries", snapshot.rounded_entries()},
         {"rounded_bytes", snapshot.rounded_bytes()},
         {"life", snapshot.life()},
         {"unreadable_entries", snapshot.unreadable_entries()},
         {"flags", std::vector<std::string>(snapshot.flags().begin(),
                                            snapshot.flags().end())}});
  }
  std::printf("%s\n", list.dump(2).c_str());
}

void PrintTable(const std::vector<v1::AdminSnapshot>& snapshots) {
  std::vector<std::vector<std::string>> rows = {{"ID", "HOST/SET", "RECEIVED",
                                                 "AGE", "NEW", "SIZE (ABOUT)",
                                                 "ENTRIES (ABOUT)", "FLAGS"}};
  const absl::Time now = absl::Now();
  for (const v1::AdminSnapshot& snapshot : snapshots) {
    const absl::Time received =
        absl::FromUnixNanos(snapshot.received_unix_ns());
    std::string flags = absl::StrJoin(snapshot.flags(), ",");
    if (snapshot.life() != "live") {
      absl::StrAppend(&flags, flags.empty() ? "" : ",", snapshot.life());
    }
    rows.push_back({IdOf(snapshot).substr(0, 12), SetOf(snapshot),
                    ShowTime(received), ShowDuration(now - received),
                    ShowBytes(snapshot.new_bytes()),
                    ShowBytes(snapshot.rounded_bytes()),
                    absl::StrCat(snapshot.rounded_entries()), flags});
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const SnapshotOptions& options) {
  const size_t slash = options.name.find('/');
  const std::string host = options.name.substr(0, slash);
  const std::string set =
      slash == std::string::npos ? "" : options.name.substr(slash + 1);
  v1::AdminListSnapshotsRequest request;
  request.set_vault(options.vault);
  request.set_host(host);
  request.set_set(set);
  if (options.all) {
    for (const char* life : {"live", "expired", "purged"}) {
      request.add_lives(life);
    }
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::AdminSnapshot> snapshots,
                      link->client().ListSnapshots(request));
  options.json ? PrintJson(snapshots) : PrintTable(snapshots);
  return kExitOk;
}

// A host or a set is not named by mistake.
absl::Status CheckNames(const ExpireOptions& options,
                        const std::vector<v1::AdminSnapshot>& chosen) {
  if (options.all) return absl::OkStatus();
  for (const std::string& name : options.names) {
    for (const v1::AdminSnapshot& snapshot : chosen) {
      if (absl::StartsWith(IdOf(snapshot), name)) continue;
      if (name != snapshot.host() && name != SetOf(snapshot)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", name, "\" is not one snapshot: give ids, or --all if all of ",
          name, " is to go"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Expire(const AdminOptions& admin,
                                const ExpireOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(
      const std::vector<v1::AdminSnapshot> chosen,
      FindNamed(link->client(), options.vault, "live", options.names));
  NS_RETURN_IF_ERROR(CheckNames(options, chosen));
  NS_ASSIGN_OR_RETURN(const std::vector<SnapshotId> ids, IdsOf(chosen));
  PrintTable(chosen);
  if (options.dry_run) {
    std::fprintf(stderr, "would expire: %zu snapshots\n", ids.size());
    return kExitOk;
  }
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(ExpireSnapshots(
      link->client(), key, options.vault, ids,
      options.override_checks ? ExpireBy::kOverride : ExpireBy::kName,
      options.reason));
  std::fprintf(stderr,
               "expired: %zu snapshots; they are in the trash "
               "(`nightsafe-admin trash list` says until when)\n",
               ids.size());
  return kExitOk;
}

void AddExpireCommand(Program& program, AdminOptions& admin,
                      CLI::App* snapshot) {
  auto options = std::make_shared<ExpireOptions>();
  CLI::App* command = program.AddCommand(
      "expire",
      "Put these snapshots into the trash whatever the policies keep, by a "
      "signed order. Floors, locks and holds stay",
      snapshot);
  command->add_option("ID|HOST[/SET]", options->names)->required();
  command->add_option("--vault", options->vault)->capture_default_str();
  command->add_flag("--all", options->all,
                    "all of a host or set that is named, such as one that was "
                    "removed");
  command->add_flag("--dry-run", options->dry_run, "only list them");
  command->add_flag("--override", options->override_checks,
                    "also more than half of a host's snapshots, or suspicious "
                    "ones");
  command->add_option("--reason", options->reason, "kept in the journal");
  command->add_option("--admin-key", options->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command, [&admin, options] { return Expire(admin, *options); });
}

}  // namespace

void AddSnapshotCommands(Program& program, AdminOptions& admin) {
  CLI::App* snapshot =
      program.AddCommand("snapshot", "Snapshots, as the server sees them");
  snapshot->require_subcommand(1);
  auto list = std::make_shared<SnapshotOptions>();
  CLI::App* command = program.AddCommand(
      "list", "Snapshots by time of receipt, without any key", snapshot);
  command->add_option("HOST[/SET]", list->name, "only these");
  command->add_option("--vault", list->vault)->capture_default_str();
  command->add_flag("--all", list->all, "also expired and purged ones");
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });
  AddExpireCommand(program, admin, snapshot);
}

}  // namespace nightsafe
