// nightsafe backup

#include <unistd.h>

#include "absl/time/clock.h"
#include "client/agent/backup.h"
#include "client/cli/commands.h"
#include "client/cli/host_connection.h"
#include "client/credential/credential.h"
#include "client/terminal/text.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct BackupCommand {
  std::vector<std::string> paths;
  std::string set = "files";
  bool from_stdin = false;
  std::string stdin_name = "stdin";
  bool read_all = false;
  bool quiet = false;
};

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("an empty path");
  if (path.front() == '/') return path;
  char here[4096];
  if (::getcwd(here, sizeof(here)) == nullptr) {
    return absl::FailedPreconditionError(
        "the current directory has no path: give absolute paths");
  }
  return absl::StrCat(here, "/", path);
}

void ShowProgress(const BackupProgress& progress) {
  std::fprintf(stderr, "\r\x1b[K%llu files, %s; read %s, sent %s",
               static_cast<unsigned long long>(progress.files),
               ShowBytes(progress.file_bytes).c_str(),
               ShowBytes(progress.read_bytes).c_str(),
               ShowBytes(progress.sent_bytes).c_str());
}

void ShowProblems(const BackupResult& result) {
  for (const std::string& note : result.notes) {
    std::fprintf(stderr, "note: %s\n", note.c_str());
  }
  for (const BackupProblem& problem : result.problems) {
    std::fprintf(stderr, "%s: %s\n", ShowName(problem.path).c_str(),
                 problem.message.c_str());
  }
  const uint64_t all =
      result.totals.unreadable + result.totals.vanished + result.totals.changed;
  if (all > result.problems.size() && !result.problems.empty()) {
    std::fprintf(stderr, "... and %llu more\n",
                 static_cast<unsigned long long>(all - result.problems.size()));
  }
}

void ShowResult(const std::string& name, const BackupResult& result) {
  const BackupProgress& totals = result.totals;
  std::printf(
      "snapshot %s of %s\n"
      "%llu files, %llu directories, %s\n"
      "read %s, sent %s, %llu new objects\n",
      result.snapshot.Hex().substr(0, 12).c_str(), name.c_str(),
      static_cast<unsigned long long>(totals.files),
      static_cast<unsigned long long>(totals.directories),
      ShowBytes(totals.file_bytes).c_str(),
      ShowBytes(totals.read_bytes).c_str(),
      ShowBytes(totals.sent_bytes).c_str(),
      static_cast<unsigned long long>(totals.new_objects));
  if (totals.unreadable + totals.vanished + totals.changed > 0) {
    std::printf(
        "%llu unreadable, %llu vanished, %llu changed while being read\n",
        static_cast<unsigned long long>(totals.unreadable),
        static_cast<unsigned long long>(totals.vanished),
        static_cast<unsigned long long>(totals.changed));
  }
}

absl::Status CheckArguments(const BackupCommand& command) {
  NS_RETURN_IF_ERROR(ValidateName("set", command.set));
  if (command.from_stdin && !command.paths.empty()) {
    return absl::InvalidArgumentError("give either paths or --stdin, not both");
  }
  if (!command.from_stdin && command.paths.empty()) {
    return absl::InvalidArgumentError(
        "nothing to back up: give a path, for example `nightsafe backup /etc "
        "/home`, or --stdin");
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const BackupCommand& command) {
  NS_RETURN_IF_ERROR(CheckArguments(command));
  std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  NS_ASSIGN_OR_RETURN(Credential credential,
                      LoadHostCredential(*fs, client.config_directory));
  NS_ASSIGN_OR_RETURN(
      DepositKey key,
      LoadDepositKey(*fs,
                     CredentialDirectory(client.config_directory,
                                         CredentialRole::kHost, ""),
                     credential.name));
  BackupOptions options;
  options.connection = ConnectionOf(credential);
  options.state_directory = client.state_directory + "/agent";
  options.set = command.set;
  options.agent_version = NIGHTSAFE_VERSION;
  options.ignore_index = command.read_all;
  for (const std::string& path : command.paths) {
    NS_ASSIGN_OR_RETURN(std::string absolute, AbsolutePath(path));
    options.roots.push_back(std::move(absolute));
  }
  if (command.from_stdin) {
    options.stream_descriptor = STDIN_FILENO;
    options.stream_name = command.stdin_name;
  }
  const bool show = !command.quiet && ::isatty(STDERR_FILENO) != 0;
  absl::StatusOr<BackupResult> result = RunBackup(
      options, key, *fs, SystemClock(), [show](const BackupProgress& progress) {
        if (show) ShowProgress(progress);
      });
  if (show) std::fputs("\r\x1b[K", stderr);
  // Also after a backup that failed, unless asking is in vain.
  if (!absl::IsUnavailable(result.status()) &&
      !absl::IsPermissionDenied(result.status())) {
    RenewIfDue(
        *fs,
        CredentialDirectory(client.config_directory, CredentialRole::kHost, ""),
        credential);
  }
  NS_RETURN_IF_ERROR(result.status());
  ShowProblems(*result);
  if (!command.quiet) {
    ShowResult(absl::StrCat(credential.name, "/", command.set), *result);
  }
  return result->incomplete() ? kExitUnreadableFiles : kExitOk;
}

}  // namespace

void AddBackupCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<BackupCommand>();
  CLI::App* command =
      program.AddCommand("backup",
                         "Deposit a snapshot of files, or of standard input. "
                         "Exit code 3: done, but "
                         "some files could not be read");
  command->add_option(
      "PATH", options->paths,
      "files and directories; pseudo file systems such as /proc "
      "are left out");
  command->add_option("--set", options->set, "the series it belongs to")
      ->capture_default_str();
  command->add_flag("--stdin", options->from_stdin,
                    "back up what comes from standard input");
  command
      ->add_option("--stdin-name", options->stdin_name,
                   "name of that file in the snapshot")
      ->capture_default_str();
  command->add_flag("--read-all", options->read_all,
                    "read every file, whatever the index says");
  command->add_flag("-q,--quiet", options->quiet, "only problems are printed");
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
