// nightsafe-admin admin add | list | revoke

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "client/admin/admin_access.h"
#include "client/admin/grant.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

struct Options {
  std::string name;
  std::string output;
  std::string admin_key;
  std::string reason;
  bool json = false;
};

absl::StatusOr<ExitCode> Add(const AdminOptions& admin,
                             const Options& options) {
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(AdminCredential credential,
                      GrantAdmin(*NewPosixFileSystem(), link->client(), key,
                                 options.name, options.output, absl::Now()));
  NS_ASSIGN_OR_RETURN(CertificateView certificate,
                      InspectCertificatePem(credential.certificate_pem));
  std::fprintf(stderr, "credential of admin %s in %s: secret, until %s\n",
               credential.name.c_str(), options.output.c_str(),
               ShowTime(certificate.not_after).c_str());
  if (credential.server_address.empty()) {
    std::fprintf(stderr,
                 "note: this server does not listen for admins in the network; "
                 "set admin_listen in its nightsafed.yaml and start it again, "
                 "then:  nightsafe-admin --server HOST:PORT --credential %s "
                 "status\n",
                 options.output.c_str());
  } else {
    std::fprintf(stderr,
                 "next, on that admin's machine:  nightsafe-admin --credential "
                 "%s status     (server %s)\n",
                 options.output.c_str(), credential.server_address.c_str());
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const Options& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::AdminRecord> admins,
                      link->client().ListAdmins());
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {
      {"ADMIN", "STATE", "CERTIFICATE UNTIL"}};
  for (const v1::AdminRecord& record : admins) {
    const int64_t expires = record.certificate_expires_unix_ns();
    const std::string state = record.revoked() ? "revoked"
                              : absl::FromUnixNanos(expires) <= absl::Now()
                                  ? "expired"
                                  : "active";
    list.push_back({{"admin", record.name()},
                    {"state", state},
                    {"certificate_expires_unix_ns", expires}});
    rows.push_back(
        {record.name(), state, ShowTime(absl::FromUnixNanos(expires))});
  }
  std::fputs(
      options.json ? (list.dump(2) + "\n").c_str() : ShowTable(rows).c_str(),
      stdout);
  return kExitOk;
}

absl::StatusOr<ExitCode> Revoke(const AdminOptions& admin,
                                const Options& options) {
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_RETURN_IF_ERROR(RevokeAdmin(link->client(), key, options.name,
                                 options.reason, absl::Now()));
  std::fprintf(stderr,
               "admin %s is revoked; what was added with it stays: see `host "
               "list`, `reader list`, `token list` and `audit`\n",
               options.name.c_str());
  return kExitOk;
}

}  // namespace

void AddAdminCommands(Program& program, AdminOptions& admin) {
  CLI::App* group = program.AddCommand(
      "admin", "Credentials for the listener for admins (admin_listen)");
  group->require_subcommand(1);

  auto add = std::make_shared<Options>();
  CLI::App* command = program.AddCommand(
      "add",
      "Make a credential with which nightsafe-admin reaches the server through "
      "the network. It lets in, and no more: orders take your admin key",
      group);
  command->add_option("NAME", add->name)->required();
  command
      ->add_option("-o,--output,--out", add->output,
                   "the credential, a new file (0600)")
      ->required();
  command->add_option("--admin-key", add->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command, [&admin, add] { return Add(admin, *add); });

  auto list = std::make_shared<Options>();
  command = program.AddCommand("list", "Admins with a credential", group);
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  auto revoke = std::make_shared<Options>();
  command = program.AddCommand(
      "revoke", "Refuse an admin's credential from now on", group);
  command->add_option("NAME", revoke->name)->required();
  command->add_option("--reason", revoke->reason, "kept in the journal");
  command->add_option("--admin-key", revoke->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command, [&admin, revoke] { return Revoke(admin, *revoke); });
}

}  // namespace nightsafe
