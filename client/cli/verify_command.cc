// nightsafe verify

#include <cstdio>

#include "client/cli/reading_session.h"
#include "client/cli/report_output.h"
#include "client/restore/restore.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct VerifyCommandOptions {
  ReadingOptions reading;
  std::string name;
  bool structure_only = false;
};

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const VerifyCommandOptions& options) {
  NS_ASSIGN_OR_RETURN(ChosenSnapshot chosen,
                      ChooseSnapshot(client, options.reading, options.name));
  const OpenedManifest& snapshot = *chosen.snapshot->opened;
  ObjectSource objects = chosen.session->ObjectsOf(*chosen.snapshot);
  VerifyOptions verify;
  verify.path = chosen.path == "/" ? "" : chosen.path;
  verify.structure_only = options.structure_only;
  ReportOutput output("verified", snapshot.sealed.statistics().file_bytes());
  RestoreReport report([&](const Problem& problem) { output.Show(problem); });
  absl::Status status = VerifySnapshot(
      objects, snapshot, verify, report,
      [&](const RestoreReport& so_far) { output.ShowProgress(so_far); });
  output.ShowSummary(report);
  NS_RETURN_IF_ERROR(status);
  return ExitCodeOf(report);
}

}  // namespace

void AddVerifyCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<VerifyCommandOptions>();
  CLI::App* command = program.AddCommand(
      "verify",
      "Fetch and open every object of a snapshot, and compare its totals with "
      "what its host signed; writes nothing");
  command->footer("Exit code 7: damaged. " + SnapshotNameHelp());
  command->add_option("NAME", options->name, "snapshot, perhaps a path of it")
      ->required();
  command->add_flag("--structure-only", options->structure_only,
                    "the tree only; contents of files are not fetched");
  options->reading.AddTo(command);
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
