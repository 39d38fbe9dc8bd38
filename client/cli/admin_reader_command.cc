// nightsafe-admin reader add | list | revoke

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

struct ReaderOptions {
  std::vector<std::string> vaults = {"main"};
  std::string name;
  std::string admin_key;
  std::string valid = "24h";
  std::string output;
  std::string reason;
  bool json = false;
};

absl::StatusOr<ExitCode> Add(const AdminOptions& admin,
                             const ReaderOptions& options) {
  NS_ASSIGN_OR_RETURN(absl::Duration valid, ParseSpan(options.valid));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(v1::format::Enrolment enrolment,
                      GrantReader(link->client(), options.name, options.vaults,
                                  absl::Now() + valid));
  NS_RETURN_IF_ERROR(WriteEnrolment(enrolment, options.output));
  return kExitOk;
}

absl::StatusOr<ExitCode> Revoke(const AdminOptions& admin,
                                const ReaderOptions& options) {
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_RETURN_IF_ERROR(RevokeReader(link->client(), key, options.name,
                                  options.reason, absl::Now()));
  std::fprintf(stderr, "reader %s is revoked\n", options.name.c_str());
  return kExitOk;
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const ReaderOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::ReaderRecord> readers,
                      link->client().ListReaders());
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {
      {"READER", "VAULTS", "STATE", "CERTIFICATE UNTIL"}};
  for (const v1::ReaderRecord& reader : readers) {
    const std::string state = reader.revoked()    ? "revoked"
                              : reader.enrolled() ? "enrolled"
                                                  : "invited";
    const int64_t expires = reader.certificate_expires_unix_ns();
    list.push_back({{"reader", reader.name()},
                    {"vaults", std::vector<std::string>(reader.vaults().begin(),
                                                        reader.vaults().end())},
                    {"state", state},
                    {"certificate_expires_unix_ns", expires}});
    rows.push_back(
        {reader.name(), absl::StrJoin(reader.vaults(), ","), state,
         expires != 0 ? ShowTime(absl::FromUnixNanos(expires)) : "-"});
  }
  std::fputs(
      options.json ? (list.dump(2) + "\n").c_str() : ShowTable(rows).c_str(),
      stdout);
  return kExitOk;
}

}  // namespace

void AddReaderCommands(Program& program, AdminOptions& admin) {
  CLI::App* reader =
      program.AddCommand("reader", "Credentials that fetch ciphertext");
  reader->require_subcommand(1);

  auto add = std::make_shared<ReaderOptions>();
  CLI::App* command = program.AddCommand(
      "add", "Make a reader: prints its enrolment file, one secret line",
      reader);
  command->add_option("NAME", add->name)->required();
  command->add_option("--vault", add->vaults, "vaults it may read")
      ->capture_default_str();
  command->add_option("--valid", add->valid, "how long the file can be used")
      ->capture_default_str();
  command->add_option("-o,--output", add->output,
                      "write it to a new file (0600), not to standard output");
  program.OnRun(command, [&admin, add] { return Add(admin, *add); });

  auto list = std::make_shared<ReaderOptions>();
  command = program.AddCommand("list", "Readers and their vaults", reader);
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  auto revoke = std::make_shared<ReaderOptions>();
  command = program.AddCommand("revoke", "Refuse a reader from now on", reader);
  command->add_option("NAME", revoke->name)->required();
  command->add_option("--reason", revoke->reason, "kept in the journal");
  command->add_option("--admin-key", revoke->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command, [&admin, revoke] { return Revoke(admin, *revoke); });
}

}  // namespace nightsafe
