// nightsafe-admin collect

#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct CollectOptions {
  std::string vault;
  uint64_t rate_mb = 50;
  bool dry_run = false;
  bool allow_large = false;
  bool allow_missing = false;
  bool json = false;
};

volatile std::sig_atomic_t interrupted = 0;

void Interrupt(int) { interrupted = 1; }

void PrintProgress(const v1::CollectReply& reply) {
  std::fprintf(stderr,
               "\rvault %s: %s; %llu of %llu objects needed, %llu of "
               "%llu packs removed, %s copied ",
               reply.vault().c_str(), reply.phase().c_str(),
               static_cast<unsigned long long>(reply.marked_objects()),
               static_cast<unsigned long long>(reply.objects()),
               static_cast<unsigned long long>(reply.removed_packs()),
               static_cast<unsigned long long>(reply.packs()),
               ShowBytes(reply.rewritten_bytes()).c_str());
}

nlohmann::json ToJson(const v1::CollectReply& reply) {
  return {{"vault", reply.vault()},
          {"purged_snapshots", reply.purged_snapshots()},
          {"objects", reply.objects()},
          {"total_bytes", reply.total_bytes()},
          {"condemned_objects", reply.condemned_objects()},
          {"condemned_bytes", reply.condemned_bytes()},
          {"removed_packs", reply.removed_packs()},
          {"removed_bytes", reply.removed_bytes()},
          {"rewritten_bytes", reply.rewritten_bytes()},
          {"freed_bytes", reply.freed_bytes()},
          {"unusual_share", reply.unusual_share()},
          {"missing_objects", reply.missing_objects()},
          {"memory_bytes", reply.memory_bytes()}};
}

std::string Show(const v1::CollectReply& reply, bool dry_run) {
  std::string text = absl::StrCat(
      "vault ", reply.vault(), ": ", reply.condemned_objects(), " of ",
      reply.objects(), " objects (", ShowBytes(reply.condemned_bytes()), " of ",
      ShowBytes(reply.total_bytes()), ") are not needed");
  if (reply.condemned_objects() == 0) return text;
  const std::string rest =
      reply.freed_bytes() >= reply.condemned_bytes()
          ? ""
          : absl::StrCat(
                "; ", ShowBytes(reply.condemned_bytes() - reply.freed_bytes()),
                " stay in packs of which most is needed");
  if (dry_run) {
    absl::StrAppend(&text, "; a collection would free ",
                    ShowBytes(reply.freed_bytes()), rest);
    if (reply.unusual_share()) {
      absl::StrAppend(&text, ", more than half: with --allow-large");
    }
    return text;
  }
  absl::StrAppend(&text, "; ", reply.removed_packs(), " packs removed, ",
                  ShowBytes(reply.rewritten_bytes()),
                  " copied: ", ShowBytes(reply.freed_bytes()),
                  " will be free when nightsafe-sweep has run", rest);
  return text;
}

absl::StatusOr<ExitCode> Collect(const AdminOptions& admin,
                                 const CollectOptions& options) {
  v1::CollectRequest request;
  request.set_vault(options.vault);
  request.set_dry_run(options.dry_run);
  request.set_allow_large(options.allow_large);
  request.set_allow_missing(options.allow_missing);
  request.set_bytes_per_second(options.rate_mb * 1'000'000);
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  const bool show = ::isatty(STDERR_FILENO) != 0;
  std::signal(SIGINT, Interrupt);
  const absl::Status status =
      link->client().Collect(request, [&](const v1::CollectReply& reply) {
        if (reply.done()) {
          if (show) std::fprintf(stderr, "\r");
          const std::string text = options.json ? ToJson(reply).dump()
                                                : Show(reply, options.dry_run);
          std::printf("%s\n", text.c_str());
        } else if (show) {
          PrintProgress(reply);
        }
        return interrupted == 0 ? absl::OkStatus()
                                : absl::CancelledError("stopped");
      });
  std::signal(SIGINT, SIG_DFL);
  if (interrupted != 0 && !status.ok()) {
    return absl::CancelledError(
        "stopped; nothing is lost, and the next collection begins anew");
  }
  NS_RETURN_IF_ERROR(status);
  return kExitOk;
}

}  // namespace

void AddCollectCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<CollectOptions>();
  CLI::App* command = program.AddCommand(
      "collect",
      "Free what no snapshot and no running backup needs any more. Packs of "
      "which little is needed are written anew; nightsafe-sweep takes the old "
      "ones away. Backups and restores go on meanwhile");
  command->add_option("--vault", options->vault, "only this vault");
  command->add_flag("--dry-run", options->dry_run, "count, and change nothing");
  command
      ->add_option("--rate", options->rate_mb,
                   "megabytes of copies in a second, so that backups do not "
                   "wait; 0: without a limit")
      ->capture_default_str();
  command->add_flag("--allow-large", options->allow_large,
                    "also if more than half of a vault would go");
  command->add_flag("--allow-missing", options->allow_missing,
                    "also if snapshots lack objects: what only those would "
                    "reach goes too");
  command->add_flag("--json", options->json, "a line of JSON a vault");
  program.OnRun(command,
                [&admin, options] { return Collect(admin, *options); });
}

}  // namespace nightsafe
