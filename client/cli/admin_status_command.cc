// nightsafe-admin status

#include "client/admin/server_status.h"
#include "client/cli/admin_commands.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct StatusOptions {
  bool json = false;
  uint32_t listed = 20;
};

absl::StatusOr<ExitCode> Status(const AdminOptions& admin,
                                const StatusOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  v1::GetStatusRequest request;
  request.set_max_listed(options.listed);
  NS_ASSIGN_OR_RETURN(v1::GetStatusReply status,
                      link->client().GetStatus(request));
  const std::string text =
      options.json ? ToJson(status).dump(2) + "\n" : ShowStatus(status);
  std::fputs(text.c_str(), stdout);
  return status.attention().empty() ? kExitOk : kExitAttention;
}

}  // namespace

void AddServerStatusCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = program.AddCommand(
      "status",
      "How the server is: disk, vaults, scrub, what is damaged and which "
      "snapshots it hits, last backups. Ends with 9 if something needs "
      "attention");
  command
      ->add_option("--list", options->listed,
                   "so many findings, snapshots and packs of each vault, 1 to "
                   "1000")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", options->json);
  program.OnRun(command, [&admin, options] { return Status(admin, *options); });
}

}  // namespace nightsafe
