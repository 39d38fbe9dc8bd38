// nightsafe-admin host add | list | revoke

#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/admin/grant.h"
#include "client/cli/admin_commands.h"
#include "client/cli/enrolment_output.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct HostOptions {
  std::string vault = "main";
  std::string name;
  std::string enrol_key;
  std::string admin_key;
  std::string valid = "24h";
  std::string output;
  std::string reason;
  bool json = false;
};

absl::StatusOr<ExitCode> Add(const AdminOptions& admin,
                             const HostOptions& options) {
  NS_ASSIGN_OR_RETURN(absl::Duration valid, ParseSpan(options.valid));
  NS_ASSIGN_OR_RETURN(EnrolKey key,
                      admin.LoadEnrolKey(options.enrol_key, options.vault));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(v1::format::Enrolment enrolment,
                      GrantHost(link->client(), key, options.vault,
                                options.name, absl::Now() + valid));
  NS_RETURN_IF_ERROR(WriteEnrolment(enrolment, options.output));
  return kExitOk;
}

absl::StatusOr<ExitCode> Revoke(const AdminOptions& admin,
                                const HostOptions& options) {
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_RETURN_IF_ERROR(RevokeHost(link->client(), key, options.vault,
                                options.name, options.reason, absl::Now()));
  std::fprintf(stderr,
               "host %s of vault %s is revoked; its snapshots stay and can be "
               "restored\n",
               options.name.c_str(), options.vault.c_str());
  return kExitOk;
}

std::string State(const v1::HostRecord& host) {
  if (host.revoked()) return "revoked";
  return host.enrolled() ? "enrolled" : "invited";
}

void PrintJson(const std::vector<v1::HostRecord>& hosts) {
  nlohmann::json list = nlohmann::json::array();
  for (const v1::HostRecord& host : hosts) {
    list.push_back(
        {{"vault", host.vault()},
         {"host", host.name()},
         {"state", State(host)},
         {"certificate_expires_unix_ns", host.certificate_expires_unix_ns()},
         {"last_commit_unix_ns", host.last_commit_unix_ns()},
         {"snapshots", host.snapshots()},
         {"flags",
          std::vector<std::string>(host.flags().begin(), host.flags().end())}});
  }
  std::printf("%s\n", list.dump(2).c_str());
}

void PrintTable(const std::vector<v1::HostRecord>& hosts) {
  std::vector<std::vector<std::string>> rows = {
      {"VAULT", "HOST", "STATE", "LAST SNAPSHOT", "AGE", "SNAPSHOTS",
       "CERTIFICATE UNTIL", "FLAGS"}};
  const absl::Time now = absl::Now();
  for (const v1::HostRecord& host : hosts) {
    const absl::Time last = absl::FromUnixNanos(host.last_commit_unix_ns());
    const bool has = host.last_commit_unix_ns() != 0;
    const int64_t expires = host.certificate_expires_unix_ns();
    rows.push_back(
        {host.vault(), host.name(), State(host), has ? ShowTime(last) : "never",
         has ? ShowDuration(now - last) : "-", absl::StrCat(host.snapshots()),
         expires != 0 ? ShowTime(absl::FromUnixNanos(expires)) : "-",
         absl::StrJoin(host.flags(), ",")});
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const HostOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::HostRecord> hosts,
                      link->client().ListHosts(options.vault));
  options.json ? PrintJson(hosts) : PrintTable(hosts);
  return kExitOk;
}

}  // namespace

void AddHostCommands(Program& program, AdminOptions& admin) {
  CLI::App* host = program.AddCommand("host", "Machines that may deposit");
  host->require_subcommand(1);

  auto add = std::make_shared<HostOptions>();
  CLI::App* command = program.AddCommand(
      "add",
      "Let a machine in: prints its enrolment file, one secret line, for "
      "`nightsafe enrol` there",
      host);
  command->add_option("NAME", add->name, "name of the host")->required();
  command->add_option("--vault", add->vault)->capture_default_str();
  command->add_option("--valid", add->valid, "how long the file can be used")
      ->capture_default_str();
  command->add_option("--enrol-key", add->enrol_key,
                      "default: enrol-VAULT.key of the admin directory");
  command->add_option("-o,--output", add->output,
                      "write it to a new file (0600), not to standard output");
  program.OnRun(command, [&admin, add] { return Add(admin, *add); });

  auto list = std::make_shared<HostOptions>();
  list->vault.clear();
  command = program.AddCommand("list", "Hosts, last snapshots, expiry", host);
  command->add_option("--vault", list->vault, "only this vault");
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  auto revoke = std::make_shared<HostOptions>();
  command = program.AddCommand(
      "revoke", "Refuse a host from now on, by an order signed with admin.key",
      host);
  command->add_option("NAME", revoke->name)->required();
  command->add_option("--vault", revoke->vault)->capture_default_str();
  command->add_option("--reason", revoke->reason, "kept in the journal");
  command->add_option("--admin-key", revoke->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command, [&admin, revoke] { return Revoke(admin, *revoke); });
}

}  // namespace nightsafe
