// nightsafe verify

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/cli/reading_session.h"
#include "client/cli/report_output.h"
#include "client/restore/restore.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxDamageLines = 1000;

struct VerifyCommandOptions {
  ReadingOptions reading;
  std::string name;
  bool all = false;
  bool all_paths = false;
  bool structure_only = false;
};

class Verification {
 public:
  explicit Verification(const VerifyCommandOptions& options)
      : options_(options) {}

  absl::Status Verify(const ReadingSession& session, const Snapshot& snapshot,
                      const std::string& path) {
    const OpenedManifest& opened = *snapshot.opened;
    const uint64_t limit = options_.all_paths ? UINT64_MAX : kMaxDamageLines;
    ReportOutput output("verified", opened.sealed.statistics().file_bytes(),
                        limit - std::min(limit, damaged_));
    RestoreReport report([&](const Problem& problem) { output.Show(problem); });
    VerifyOptions verify;
    verify.path = path == "/" ? "" : path;
    verify.structure_only = options_.structure_only;
    absl::Status status = VerifySnapshot(
        session.ObjectsOf(snapshot), opened, verify, objects_, report,
        [&](const RestoreReport& so_far) { output.ShowProgress(so_far); });
    output.ShowSummary(report);
    last_damaged_ = report.count(Trouble::kDamaged);
    damaged_ += last_damaged_;
    return status;
  }

  void ShowCut() const {
    if (options_.all_paths || damaged_ <= kMaxDamageLines) return;
    std::fprintf(stderr,
                 "the first %llu of %llu are shown; --all-paths names all\n",
                 static_cast<unsigned long long>(kMaxDamageLines),
                 static_cast<unsigned long long>(damaged_));
  }
  uint64_t damaged() const { return damaged_; }
  uint64_t last_damaged() const { return last_damaged_; }

 private:
  const VerifyCommandOptions& options_;
  VerifiedObjects objects_;
  uint64_t damaged_ = 0;
  uint64_t last_damaged_ = 0;
};

absl::StatusOr<ExitCode> VerifyOne(const ClientOptions& client,
                                   const VerifyCommandOptions& options) {
  NS_ASSIGN_OR_RETURN(ChosenSnapshot chosen,
                      ChooseSnapshot(client, options.reading, options.name));
  Verification verification(options);
  absl::Status status =
      verification.Verify(*chosen.session, *chosen.snapshot, chosen.path);
  verification.ShowCut();
  NS_RETURN_IF_ERROR(status);
  return verification.damaged() == 0 ? kExitOk : kExitDamaged;
}

std::string VerdictOn(const Snapshot& snapshot, uint64_t damaged) {
  if (!snapshot.opened.has_value()) return "not genuine";
  return damaged == 0 ? "whole" : absl::StrCat(damaged, " damaged");
}

// In the order of receipt; a line on stdout for each.
absl::StatusOr<ExitCode> VerifyAll(const ClientOptions& client,
                                   const VerifyCommandOptions& options) {
  SetFilter filter;
  if (!options.name.empty()) {
    NS_ASSIGN_OR_RETURN(filter, ParseSetFilter(options.name));
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ReadingSession> session,
                      ReadingSession::Open(client, options.reading));
  NS_ASSIGN_OR_RETURN(ReadKey key, session->OpenKey());
  NS_ASSIGN_OR_RETURN(Catalog catalog, session->LoadCatalog(filter.host, &key));
  Verification verification(options);
  uint64_t snapshots = 0;
  uint64_t hit = catalog.malformed();
  for (const Snapshot& snapshot : catalog.snapshots()) {
    const v1::format::ManifestClear& clear = snapshot.manifest.clear;
    if (!filter.set.empty() && clear.set() != filter.set) continue;
    if (snapshot.life == SnapshotLife::kPurged) continue;
    ++snapshots;
    const std::string name =
        absl::StrCat(ShowName(clear.host()), "/", ShowName(clear.set()), "@",
                     ShortId(snapshot.manifest.id));
    std::fprintf(stderr, "snapshot %s\n", name.c_str());
    absl::Status status;
    if (snapshot.opened.has_value()) {
      status = verification.Verify(*session, snapshot, "");
    }
    // Totals that are not those the host signed end one snapshot only.
    if (!status.ok() && !absl::IsDataLoss(status)) return status;
    const bool sound = status.ok() && snapshot.opened.has_value() &&
                       verification.last_damaged() == 0;
    hit += sound ? 0 : 1;
    std::printf(
        "%s  %s  %s\n", name.c_str(), ShowTime(snapshot.received).c_str(),
        status.ok() ? VerdictOn(snapshot, verification.last_damaged()).c_str()
                    : ShowName(status.message()).c_str());
    std::fflush(stdout);
  }
  verification.ShowCut();
  if (snapshots == 0) {
    return absl::NotFoundError(
        absl::StrCat("there is no snapshot of ",
                     options.name.empty() ? "this vault" : options.name));
  }
  std::fprintf(stderr, "%llu snapshots verified, %llu damaged\n",
               static_cast<unsigned long long>(snapshots),
               static_cast<unsigned long long>(hit));
  return hit == 0 ? kExitOk : kExitDamaged;
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const VerifyCommandOptions& options) {
  if (options.all) return VerifyAll(client, options);
  if (options.name.empty()) {
    return absl::InvalidArgumentError(
        "name a snapshot, or give --all for every one there is");
  }
  return VerifyOne(client, options);
}

}  // namespace

void AddVerifyCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<VerifyCommandOptions>();
  CLI::App* command = program.AddCommand(
      "verify",
      "Fetch and open every object of a snapshot, or of all of them, and "
      "compare its totals with what its host signed; names the paths that are "
      "hit by damage; writes nothing");
  command->footer(
      "Exit code 7: damaged; the paths are on standard error. With --all each "
      "snapshot has a line on standard output, and an object that several "
      "share is fetched once. " +
      SnapshotNameHelp());
  command->add_option("NAME", options->name,
                      "snapshot, perhaps a path of it; with --all HOST or "
                      "HOST/SET, or nothing");
  command->add_flag("--all", options->all, "every snapshot of NAME");
  command->add_flag(
      "--all-paths", options->all_paths,
      absl::StrCat("name every damaged path, not the first ", kMaxDamageLines));
  command->add_flag("--structure-only", options->structure_only,
                    "the tree only: names, metadata and where contents are; "
                    "contents of files are not fetched");
  options->reading.AddTo(command);
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
