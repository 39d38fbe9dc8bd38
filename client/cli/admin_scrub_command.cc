// nightsafe-admin scrub

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct ScrubOptions {
  std::string vault;
  bool json = false;
};

void PrintFinding(const v1::ScrubFinding& finding, bool json) {
  const std::string id = HexEncode(AsBytes(finding.object_id()));
  if (json) {
    const nlohmann::json line = {
        {"vault", finding.vault()},     {"object", id},
        {"verdict", finding.verdict()}, {"pack", finding.pack()},
        {"offset", finding.offset()},   {"detail", finding.detail()}};
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf("%s: object %s of vault %s, pack %s at %llu: %s\n",
              finding.verdict().c_str(), id.c_str(), finding.vault().c_str(),
              finding.pack().c_str(),
              static_cast<unsigned long long>(finding.offset()),
              finding.detail().c_str());
}

absl::StatusOr<ExitCode> Scrub(const AdminOptions& admin,
                               const ScrubOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  const bool show = ::isatty(STDERR_FILENO) != 0;
  uint64_t findings = 0;
  v1::ScrubReply last;
  NS_RETURN_IF_ERROR(
      link->client().Scrub(options.vault, [&](const v1::ScrubReply& reply) {
        for (const v1::ScrubFinding& finding : reply.findings()) {
          PrintFinding(finding, options.json);
          ++findings;
        }
        if (show) {
          std::fprintf(stderr, "\r%s of %s, %llu objects ",
                       ShowBytes(reply.bytes()).c_str(),
                       ShowBytes(reply.total_bytes()).c_str(),
                       static_cast<unsigned long long>(reply.objects()));
        }
        last = reply;
        return absl::OkStatus();
      }));
  std::fprintf(
      stderr, "%s%llu objects, %s checked, %llu not as they should be\n",
      show ? "\r" : "", static_cast<unsigned long long>(last.objects()),
      ShowBytes(last.bytes()).c_str(),
      static_cast<unsigned long long>(findings));
  return findings == 0 ? kExitOk : kExitDamaged;
}

}  // namespace

void AddScrubCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<ScrubOptions>();
  CLI::App* command = program.AddCommand(
      "scrub", "Read every stored object and compare it with its id; no key");
  command->add_option("--vault", options->vault, "only this vault");
  command->add_flag("--json", options->json, "a line of JSON a finding");
  program.OnRun(command, [&admin, options] { return Scrub(admin, *options); });
}

}  // namespace nightsafe
