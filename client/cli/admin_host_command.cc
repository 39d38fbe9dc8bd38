// nightsafe-admin host add | rekey | list | revoke | remove

#include <nlohmann/json.hpp>
#include <optional>

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
  bool replace = false;
  bool rekey = false;
  bool stolen = false;
  bool json = false;
};

absl::StatusOr<ExitCode> Add(const AdminOptions& admin,
                             const HostOptions& options) {
  NS_ASSIGN_OR_RETURN(absl::Duration valid, ParseSpan(options.valid));
  NS_ASSIGN_OR_RETURN(EnrolKey key,
                      admin.LoadEnrolKey(options.enrol_key, options.vault));
  std::optional<SigningKey> admin_key;
  if (options.replace || options.rekey) {
    NS_ASSIGN_OR_RETURN(admin_key, admin.LoadAdminKey(options.admin_key));
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  if (options.replace) {
    NS_RETURN_IF_ERROR(ReplaceHost(link->client(), *admin_key, options.vault,
                                   options.name, absl::Now()));
  }
  if (options.rekey) {
    NS_RETURN_IF_ERROR(RekeyHost(link->client(), *admin_key, options.vault,
                                 options.name, options.stolen, options.reason,
                                 absl::Now()));
  }
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

absl::StatusOr<ExitCode> Remove(const AdminOptions& admin,
                                const HostOptions& options) {
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_RETURN_IF_ERROR(RemoveHost(link->client(), key, options.vault,
                                options.name, options.reason, absl::Now()));
  std::fprintf(stderr,
               "host %s of vault %s is revoked and no longer listed; its "
               "snapshots stay, and expire by policy\n",
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
         {"expired", host.expired()},
         {"expected_interval_s", host.expected_interval_s()},
         {"quota_bytes", host.quota_bytes()},
         {"stored_bytes", host.stored_bytes()},
         {"stored_objects", host.stored_objects()},
         {"flags",
          std::vector<std::string>(host.flags().begin(), host.flags().end())}});
  }
  std::printf("%s\n", list.dump(2).c_str());
}

void PrintTable(const std::vector<v1::HostRecord>& hosts) {
  std::vector<std::vector<std::string>> rows = {
      {"VAULT", "HOST", "STATE", "LAST SNAPSHOT", "AGE", "EXPECTED EVERY",
       "SNAPSHOTS", "IN TRASH", "STORED", "QUOTA", "CERTIFICATE UNTIL",
       "FLAGS"}};
  const absl::Time now = absl::Now();
  for (const v1::HostRecord& host : hosts) {
    const absl::Time last = absl::FromUnixNanos(host.last_commit_unix_ns());
    const bool has = host.last_commit_unix_ns() != 0;
    const int64_t expires = host.certificate_expires_unix_ns();
    rows.push_back(
        {host.vault(), host.name(), State(host), has ? ShowTime(last) : "never",
         has ? ShowDuration(now - last) : "-",
         host.expected_interval_s() > 0
             ? ShowDuration(absl::Seconds(host.expected_interval_s()))
             : "-",
         absl::StrCat(host.snapshots()), absl::StrCat(host.expired()),
         ShowBytes(host.stored_bytes()),
         host.quota_bytes() > 0 ? ShowBytes(host.quota_bytes()) : "-",
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

void AddOrderOptions(CLI::App* command, HostOptions& options) {
  command->add_option("NAME", options.name)->required();
  command->add_option("--vault", options.vault)->capture_default_str();
  command->add_option("--reason", options.reason, "kept in the journal");
  command->add_option("--admin-key", options.admin_key,
                      "default: admin.key of the admin directory");
}

void AddRekey(Program& program, AdminOptions& admin, CLI::App* host) {
  auto rekey = std::make_shared<HostOptions>();
  rekey->rekey = true;
  CLI::App* command = program.AddCommand(
      "rekey",
      "New keys for a machine whose deposit key is lost or stolen: revokes its "
      "certificate and prints a new enrolment file, for `nightsafe enrol "
      "--replace` there",
      host);
  AddOrderOptions(command, *rekey);
  command->add_flag("--stolen", rekey->stolen,
                    "also the secret that its objects are named with: the next "
                    "backup uploads everything, once");
  command->add_option("--valid", rekey->valid, "how long the file can be used")
      ->capture_default_str();
  command->add_option("--enrol-key", rekey->enrol_key,
                      "default: enrol-VAULT.key of the admin directory");
  command->add_option("-o,--output", rekey->output,
                      "write it to a new file (0600), not to standard output");
  program.OnRun(command, [&admin, rekey] { return Add(admin, *rekey); });
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
  command->add_flag("--replace", add->replace,
                    "another machine takes the name: the old certificate is "
                    "revoked, the history stays; also after revoke or remove");
  command->add_option("--admin-key", add->admin_key,
                      "for --replace; default: admin.key of the admin "
                      "directory");
  program.OnRun(command, [&admin, add] { return Add(admin, *add); });

  AddRekey(program, admin, host);

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
  AddOrderOptions(command, *revoke);
  program.OnRun(command, [&admin, revoke] { return Revoke(admin, *revoke); });

  auto remove = std::make_shared<HostOptions>();
  command = program.AddCommand(
      "remove", "Revoke a host that is gone for good and list it no more",
      host);
  AddOrderOptions(command, *remove);
  program.OnRun(command, [&admin, remove] { return Remove(admin, *remove); });
}

}  // namespace nightsafe
