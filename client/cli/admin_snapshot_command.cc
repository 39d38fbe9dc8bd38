// nightsafe-admin snapshot list

#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
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

void PrintJson(const std::vector<v1::AdminSnapshot>& snapshots) {
  nlohmann::json list = nlohmann::json::array();
  for (const v1::AdminSnapshot& snapshot : snapshots) {
    list.push_back(
        {{"snapshot", HexEncode(AsBytes(snapshot.snapshot()))},
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
    rows.push_back({HexEncode(AsBytes(snapshot.snapshot())).substr(0, 12),
                    absl::StrCat(snapshot.host(), "/", snapshot.set(),
                                 snapshot.keyed_name().empty() ? "" : "/",
                                 snapshot.keyed_name()),
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
}

}  // namespace nightsafe
