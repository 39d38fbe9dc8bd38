// nightsafe-admin scrub

#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "client/admin/findings.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct ScrubOptions {
  std::string vault;
  std::string rate;
  bool resume = false;
  bool json = false;
};

// Set by Ctrl-C: the server is told to stop, instead of being left to notice.
volatile std::sig_atomic_t interrupted = 0;

void Interrupt(int) { interrupted = 1; }

// "500K", "50M", "1G" bytes in a second; decimal, as disks are sold.
absl::StatusOr<uint64_t> ParseRate(const std::string& text) {
  if (text.empty()) return uint64_t{0};
  uint64_t unit = 1;
  std::string number = text;
  switch (absl::ascii_toupper(static_cast<unsigned char>(number.back()))) {
    case 'K':
      unit = 1'000;
      break;
    case 'M':
      unit = 1'000'000;
      break;
    case 'G':
      unit = 1'000'000'000;
      break;
  }
  if (unit != 1) number.pop_back();
  double value = 0;
  if (absl::SimpleAtod(number, &value) && value > 0 && value < 1e9) {
    const double rate = value * static_cast<double>(unit);
    if (rate >= 1) return static_cast<uint64_t>(rate);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--rate \"", text, "\" is not a rate such as 500K, 50M or 1G"));
}

void PrintFinding(const v1::ScrubFinding& finding, bool json) {
  const std::string text = json ? ToJson(finding).dump() : ShowFinding(finding);
  std::printf("%s\n", text.c_str());
}

void PrintProgress(const v1::ScrubReply& reply) {
  std::fprintf(stderr, "\rvault %s: %s of %s, %llu objects ",
               reply.vault().c_str(), ShowBytes(reply.bytes()).c_str(),
               ShowBytes(reply.total_bytes()).c_str(),
               static_cast<unsigned long long>(reply.objects()));
}

absl::StatusOr<ExitCode> Scrub(const AdminOptions& admin,
                               const ScrubOptions& options) {
  v1::ScrubRequest request;
  request.set_vault(options.vault);
  request.set_resume(options.resume);
  NS_ASSIGN_OR_RETURN(const uint64_t rate, ParseRate(options.rate));
  request.set_bytes_per_second(rate);
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  const bool show = ::isatty(STDERR_FILENO) != 0;
  uint64_t findings = 0;
  v1::ScrubReply last;
  std::signal(SIGINT, Interrupt);
  const absl::Status status =
      link->client().Scrub(request, [&](const v1::ScrubReply& reply) {
        for (const v1::ScrubFinding& finding : reply.findings()) {
          PrintFinding(finding, options.json);
          ++findings;
        }
        if (show && !reply.vault().empty()) PrintProgress(reply);
        last = reply;
        return interrupted == 0 ? absl::OkStatus()
                                : absl::CancelledError("stopped");
      });
  std::signal(SIGINT, SIG_DFL);
  if (interrupted != 0 && !status.ok()) {
    return absl::CancelledError(
        "stopped; the server goes on by its schedule, if it has one; "
        "`nightsafe-admin scrub --resume` goes on now");
  }
  NS_RETURN_IF_ERROR(status);
  findings += last.more_findings();
  std::fprintf(
      stderr, "%s%llu objects, %s checked, %llu not as they should be%s\n",
      show ? "\r" : "", static_cast<unsigned long long>(last.objects()),
      ShowBytes(last.bytes()).c_str(),
      static_cast<unsigned long long>(findings),
      last.hit_snapshots() == 0
          ? ""
          : absl::StrCat("; ", last.hit_snapshots(), " snapshots are hit")
                .c_str());
  return findings == 0 ? kExitOk : kExitDamaged;
}

}  // namespace

void AddScrubCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<ScrubOptions>();
  CLI::App* command = program.AddCommand(
      "scrub",
      "Read every stored object and compare it with its id; no key. Ends with "
      "7 if something is not as it should be. Ctrl-C stops it where it is");
  command->add_option("--vault", options->vault, "only this vault");
  command->add_option("--rate", options->rate,
                      "bytes in a second, such as 500K, 50M, 1G; default: as "
                      "fast as can be, behind backups");
  command->add_flag("--resume", options->resume,
                    "go on where an interrupted scrub stopped");
  command->add_flag("--json", options->json, "a line of JSON a finding");
  program.OnRun(command, [&admin, options] { return Scrub(admin, *options); });
}

}  // namespace nightsafe
