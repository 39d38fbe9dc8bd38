// nightsafe restore

#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/cli/reading_session.h"
#include "client/cli/report_output.h"
#include "client/restore/plan.h"
#include "client/restore/restore.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

struct RestoreCommandOptions {
  ReadingOptions reading;
  std::string name;
  std::string target;
  bool into_existing = false;
  bool keep_damaged = false;
  bool dry_run = false;
};

void ShowPlan(const RestoreCommandOptions& options, const std::string& path,
              const RestorePlan& plan) {
  std::fprintf(stderr,
               "restoring %s: %llu entries, %llu files, %s\nto        %s%s\n",
               path.empty() ? "everything" : ShowName(path).c_str(),
               static_cast<unsigned long long>(plan.totals.entries),
               static_cast<unsigned long long>(plan.totals.files),
               ShowBytes(plan.totals.file_bytes).c_str(),
               ShowName(options.target).c_str(), ShowName(path).c_str());
  if (plan.lost_entries > 0) {
    std::fprintf(stderr, "warning: %llu more entries are damaged\n",
                 static_cast<unsigned long long>(plan.lost_entries));
  }
  if (geteuid() != 0) {
    std::fprintf(stderr,
                 "not root: owners, devices and setuid bits are left out\n");
  }
}

// Sparse files may need less, so this is only said.
void WarnIfSmall(const std::string& target, uint64_t wanted_bytes) {
  struct statvfs space = {};
  if (statvfs(target.c_str(), &space) != 0 &&
      statvfs(std::string(DirectoryOf(target)).c_str(), &space) != 0) {
    return;
  }
  uint64_t free_bytes = space.f_bavail * space.f_frsize;
  if (free_bytes >= wanted_bytes) return;
  std::fprintf(stderr, "warning: the target has %s free, the files take %s\n",
               ShowBytes(free_bytes).c_str(), ShowBytes(wanted_bytes).c_str());
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const RestoreCommandOptions& options) {
  NS_RETURN_IF_ERROR(TargetRoot::Check(options.target, options.into_existing));
  NS_ASSIGN_OR_RETURN(ChosenSnapshot chosen,
                      ChooseSnapshot(client, options.reading, options.name));
  const OpenedManifest& snapshot = *chosen.snapshot->opened;
  ObjectSource objects = chosen.session->ObjectsOf(*chosen.snapshot);
  // The root is the whole snapshot, whose totals can be checked.
  std::string path = chosen.path == "/" ? "" : chosen.path;
  NS_ASSIGN_OR_RETURN(RestorePlan plan, PlanRestore(objects, snapshot, path));
  ShowPlan(options, path, plan);
  WarnIfSmall(options.target, plan.totals.file_bytes);
  if (options.dry_run) return kExitOk;
  NS_ASSIGN_OR_RETURN(TargetRoot target,
                      TargetRoot::Open(options.target, options.into_existing));
  ReportOutput output("restored", plan.totals.file_bytes);
  RestoreReport report([&](const Problem& problem) { output.Show(problem); });
  RestoreOptions restore;
  restore.path = path;
  restore.writer.metadata.owners = geteuid() == 0;
  restore.writer.keep_damaged = options.keep_damaged;
  absl::Status status = RestoreSnapshot(
      objects, snapshot, target, restore, report,
      [&](const RestoreReport& so_far) { output.ShowProgress(so_far); });
  output.ShowSummary(report);
  if (!status.ok()) return Annotate(status, "the restore ended half-way");
  return ExitCodeOf(report);
}

}  // namespace

void AddRestoreCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<RestoreCommandOptions>();
  CLI::App* command = program.AddCommand(
      "restore",
      "Restore a snapshot, or one path of it, into a new or empty directory");
  command->footer(
      "Everything keeps its full path: /etc/hosts becomes TARGET/etc/hosts. "
      "Owners are restored by number, and only by root. All that is fetched is "
      "verified. Exit code 3: something, or an attribute of it, could not be "
      "written; 7: stored bytes "
      "are damaged (files are named, the rest is restored). " +
      SnapshotNameHelp());
  command->add_option("NAME", options->name, "snapshot and path")->required();
  command->add_option("--target", options->target, "new or empty directory")
      ->type_name("DIR")
      ->required();
  command->add_flag("--into-existing", options->into_existing,
                    "the target may hold files; none is overwritten, and "
                    "directories that are there keep their attributes");
  command->add_flag("--keep-damaged", options->keep_damaged,
                    "keep files of which parts are lost, with zeroes there");
  command->add_flag("--dry-run", options->dry_run, "say what would be done");
  options->reading.AddTo(command);
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
