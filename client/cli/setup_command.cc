// nightsafe-admin setup

#include <unistd.h>

#include <iostream>

#include "client/admin/setup.h"
#include "client/cli/admin_commands.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct Options {
  SetupOptions setup;
  std::string address;
  std::string enrol_address;
  std::string listen;
  std::string enrol_listen;
  std::string admin_listen;
  std::string metrics_listen;
  PassphraseSource recovery_passphrase;
  bool no_sheet = false;
};

// A line from the terminal; the default without one, or for an empty line.
std::string AskLine(const std::string& question, const std::string& otherwise) {
  if (::isatty(STDIN_FILENO) == 0) return otherwise;
  std::cerr << question << " [" << otherwise << "]: " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  return line.empty() ? otherwise : line;
}

std::string HostName() {
  char name[256] = "localhost";
  ::gethostname(name, sizeof(name) - 1);
  return name;
}

void PassOn(const std::string& flag, const std::string& value,
            std::vector<std::string>& arguments) {
  if (value.empty()) return;
  arguments.push_back(flag);
  arguments.push_back(value);
}

absl::StatusOr<ExitCode> Run(const AdminOptions& admin, Options& options) {
  SetupOptions& setup = options.setup;
  setup.admin_directory = admin.directory;
  if (setup.recovery_key_path.empty()) {
    setup.recovery_key_path = admin.directory + "/recovery.key";
  }
  if (setup.admin_socket.empty()) {
    setup.admin_socket = setup.data_directory + "/admin/admin.sock";
  }
  if (options.address.empty()) {
    options.address =
        AskLine("name or address under which other machines reach this server",
                HostName());
  }
  PassOn("--address", options.address, setup.init_arguments);
  PassOn("--enrol-address", options.enrol_address, setup.init_arguments);
  PassOn("--listen", options.listen, setup.init_arguments);
  PassOn("--enrol-listen", options.enrol_listen, setup.init_arguments);
  PassOn("--admin-listen", options.admin_listen, setup.init_arguments);
  PassOn("--metrics-listen", options.metrics_listen, setup.init_arguments);
  NS_ASSIGN_OR_RETURN(
      setup.recovery_passphrase,
      options.recovery_passphrase.Choose("new passphrase of the recovery key"));
  NS_ASSIGN_OR_RETURN(
      setup.admin_passphrase,
      admin.passphrase.Choose("new passphrase of your admin and enrol key"));
  std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  absl::StatusOr<SetupResult> result = SetUp(*fs, setup);
  EraseString(setup.recovery_passphrase);
  EraseString(setup.admin_passphrase);
  NS_RETURN_IF_ERROR(result.status());
  if (!options.no_sheet) {
    std::fputs(RecoverySheet(setup, *result).c_str(), stdout);
  }
  std::fprintf(stderr,
               "\nadmin key    %s\nenrol key    %s\nvault file   %s\n"
               "recovery key %s (move it to a place that is not this machine)\n"
               "\nnext:  nightsafed serve %s\n"
               "then:  nightsafe-admin --server unix:%s host add NAME\n",
               result->admin_key_path.c_str(), result->enrol_key_path.c_str(),
               result->vault_file_path.c_str(), setup.recovery_key_path.c_str(),
               setup.data_directory.c_str(), setup.admin_socket.c_str());
  return kExitOk;
}

}  // namespace

void AddSetupCommand(Program& program, AdminOptions& admin) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.AddCommand(
      "setup",
      "On a new server: data directory, recovery key, vault, admin key; prints "
      "the recovery sheet");
  command
      ->add_option("DATA", options->setup.data_directory,
                   "data directory, new or empty")
      ->default_val("/var/lib/nightsafe/server");
  command->add_option("--address", options->address,
                      "HOST[:PORT] under which others reach this server");
  command->add_option("--enrol-address", options->enrol_address,
                      "the same for enrolment");
  command->add_option("--listen", options->listen, "passed to nightsafed init");
  command->add_option("--enrol-listen", options->enrol_listen,
                      "passed to nightsafed init");
  command->add_option("--admin-listen", options->admin_listen,
                      "passed to nightsafed init");
  command->add_option("--metrics-listen", options->metrics_listen,
                      "passed to nightsafed init");
  command->add_option("--vault", options->setup.vault)->capture_default_str();
  command->add_option("--recovery-key", options->setup.recovery_key_path,
                      "where to write it; default: in the admin directory");
  command
      ->add_option("--nightsafed", options->setup.nightsafed,
                   "the server program")
      ->capture_default_str();
  command->add_flag("--no-sheet", options->no_sheet,
                    "do not print the recovery sheet");
  options->recovery_passphrase.AddOptions(command, "recovery-");
  program.OnRun(command, [&admin, options] { return Run(admin, *options); });
}

}  // namespace nightsafe
