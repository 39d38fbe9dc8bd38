// nightsafe-admin trash list | undelete

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "client/admin/named_snapshots.h"
#include "client/admin/orders.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct TrashOptions {
  std::string vault = "main";
  std::string name;
  std::vector<std::string> names;
  std::string admin_key;
  bool json = false;
};

absl::StatusOr<std::vector<v1::AdminSnapshot>> ListTrash(
    const AdminClient& client, const std::string& vault,
    const OrderScope& scope) {
  v1::AdminListSnapshotsRequest request;
  request.set_vault(vault);
  request.set_host(scope.host);
  request.set_set(scope.set);
  request.add_lives("expired");
  return client.ListSnapshots(request);
}

void PrintJson(const std::vector<v1::AdminSnapshot>& snapshots) {
  nlohmann::json list = nlohmann::json::array();
  for (const v1::AdminSnapshot& snapshot : snapshots) {
    list.push_back({{"snapshot", IdOf(snapshot)},
                    {"host", snapshot.host()},
                    {"set", snapshot.set()},
                    {"sequence", snapshot.sequence()},
                    {"received_unix_ns", snapshot.received_unix_ns()},
                    {"expired_unix_ns", snapshot.expired_unix_ns()},
                    {"purge_unix_ns", snapshot.purge_unix_ns()},
                    {"new_bytes", snapshot.new_bytes()}});
  }
  std::printf("%s\n", list.dump(2).c_str());
}

void PrintTable(const std::vector<v1::AdminSnapshot>& snapshots) {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "HOST/SET", "RECEIVED", "EXPIRED", "GONE FROM", "NEW"}};
  for (const v1::AdminSnapshot& snapshot : snapshots) {
    rows.push_back({IdOf(snapshot).substr(0, 12), SetOf(snapshot),
                    ShowTime(absl::FromUnixNanos(snapshot.received_unix_ns())),
                    ShowTime(absl::FromUnixNanos(snapshot.expired_unix_ns())),
                    ShowTime(absl::FromUnixNanos(snapshot.purge_unix_ns())),
                    ShowBytes(snapshot.new_bytes())});
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const TrashOptions& options) {
  NS_ASSIGN_OR_RETURN(OrderScope scope, ParseOrderScope(options.name));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::AdminSnapshot> snapshots,
                      ListTrash(link->client(), options.vault, scope));
  options.json ? PrintJson(snapshots) : PrintTable(snapshots);
  return kExitOk;
}

absl::StatusOr<ExitCode> Undelete(const AdminOptions& admin,
                                  const TrashOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(
      const std::vector<v1::AdminSnapshot> chosen,
      FindNamed(link->client(), options.vault, "expired", options.names));
  NS_ASSIGN_OR_RETURN(const std::vector<SnapshotId> ids, IdsOf(chosen));
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(
      UndeleteSnapshots(link->client(), key, options.vault, ids));
  PrintTable(chosen);
  std::fprintf(stderr, "brought back: %zu snapshots\n", ids.size());
  return kExitOk;
}

}  // namespace

void AddTrashCommands(Program& program, AdminOptions& admin) {
  CLI::App* trash = program.AddCommand(
      "trash", "Expired snapshots, until their trash time has passed");
  trash->require_subcommand(1);

  auto list = std::make_shared<TrashOptions>();
  CLI::App* command =
      program.AddCommand("list", "What can be brought back", trash);
  command->add_option("HOST[/SET]", list->name, "only these");
  command->add_option("--vault", list->vault)->capture_default_str();
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  auto undelete = std::make_shared<TrashOptions>();
  command = program.AddCommand(
      "undelete",
      "Bring snapshots back, by a signed order; they stay for another min-age "
      "at least",
      trash);
  command->add_option("ID|HOST[/SET]", undelete->names)->required();
  command->add_option("--vault", undelete->vault)->capture_default_str();
  command->add_option("--admin-key", undelete->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command,
                [&admin, undelete] { return Undelete(admin, *undelete); });
}

}  // namespace nightsafe
