// nightsafe-admin audit

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct AuditOptions {
  std::string vault = "main";
  bool server = false;
  std::string host;
  std::vector<std::string> kinds;
  std::string since;
  bool json = false;
};

std::string TextOf(const v1::AuditRecord& record) {
  std::string text = ShowName(record.text());
  if (!record.admin_key_id().empty()) {
    absl::StrAppend(&text, " [signed by ", record.admin_key_id().substr(0, 12),
                    "]");
  }
  if (!record.refused().empty()) {
    absl::StrAppend(&text, " CHANGED NOTHING: ", ShowName(record.refused()));
  }
  return text;
}

void PrintLine(const v1::AuditRecord& record) {
  std::printf("%8llu  %s  %-16s  %-14s  %s\n",
              static_cast<unsigned long long>(record.number()),
              ShowTime(absl::FromUnixNanos(record.time_unix_ns())).c_str(),
              record.kind().c_str(), ShowName(record.host()).c_str(),
              TextOf(record).c_str());
}

// One object a line: a journal may be long.
void PrintJsonLine(const v1::AuditRecord& record) {
  const nlohmann::json one = {
      {"number", record.number()},  {"time_unix_ns", record.time_unix_ns()},
      {"kind", record.kind()},      {"host", record.host()},
      {"text", record.text()},      {"admin_key_id", record.admin_key_id()},
      {"refused", record.refused()}};
  std::printf("%s\n",
              one.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                  .c_str());
}

absl::StatusOr<ExitCode> Run(const AdminOptions& admin,
                             const AuditOptions& options) {
  v1::AuditRequest request;
  if (!options.server) request.set_vault(options.vault);
  request.set_host(options.host);
  for (const std::string& kind : options.kinds) request.add_kinds(kind);
  if (!options.since.empty()) {
    NS_ASSIGN_OR_RETURN(absl::Duration span, ParseSpan(options.since));
    request.set_since_unix_ns(absl::ToUnixNanos(absl::Now() - span));
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  bool refused = false;
  NS_RETURN_IF_ERROR(
      link->client().Audit(request, [&](const v1::AuditReply& reply) {
        for (const v1::AuditRecord& record : reply.records()) {
          options.json ? PrintJsonLine(record) : PrintLine(record);
          refused |= !record.refused().empty();
        }
        if (reply.done()) {
          std::fprintf(stderr, "chain checked: %llu records, it ends with %s\n",
                       static_cast<unsigned long long>(reply.total_records()),
                       HexEncode(AsBytes(reply.chain())).c_str());
        }
        return absl::OkStatus();
      }));
  return refused ? kExitAttention : kExitOk;
}

}  // namespace

void AddAuditCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<AuditOptions>();
  CLI::App* command = program.AddCommand(
      "audit",
      "The journal of a vault in words: commits, orders and who signed them, "
      "prunes, packs. The server checks its chain from the first record on");
  command->add_option("--vault", options->vault)->capture_default_str();
  command->add_flag("--server", options->server,
                    "the server's own journal: vaults, hosts, tokens");
  command->add_option("--host", options->host, "only records about it");
  command->add_option("--kind", options->kinds,
                      "only these, as the third column has them");
  command->add_option("--since", options->since, "not older than, such as 7d");
  command->add_flag("--json", options->json, "one object a line");
  program.OnRun(command, [&admin, options] { return Run(admin, *options); });
}

}  // namespace nightsafe
