#include <stdlib.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/cli/command.h"
#include "server/cli/report.h"
#include "server/cli/signals.h"
#include "server/server.h"

namespace nightsafe {
namespace {

struct RescueOptions {
  std::string data;
  std::string socket;
};

// A directory that only this user can enter, gone with the program.
class PrivateDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<PrivateDirectory>> Make() {
    const char* base = getenv("TMPDIR");
    std::string path = absl::StrCat(
        base == nullptr || *base == '\0' ? "/tmp" : base, "/nightsafe-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(absl::StrCat(
          "cannot make a directory like ", path, "; give --socket"));
    }
    return std::unique_ptr<PrivateDirectory>(
        new PrivateDirectory(std::move(path)));
  }
  ~PrivateDirectory() {
    unlink(socket().c_str());
    rmdir(path_.c_str());
  }
  std::string socket() const { return absl::StrCat(path_, "/rescue.sock"); }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

absl::Status Rescue(const RescueOptions& options) {
  BlockStopSignals();
  const auto fs = NewPosixFileSystem();
  const SystemClock clock;
  std::unique_ptr<PrivateDirectory> directory;
  std::string socket = options.socket;
  if (socket.empty()) {
    NS_ASSIGN_OR_RETURN(directory, PrivateDirectory::Make());
    socket = directory->socket();
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<RescueServer> server,
                      RescueServer::Start(*fs, clock, options.data, socket));
  PrintStartupReport(server->startup_report());
  std::cout << "read only: unix:" << socket << "\n"
            << "ready" << std::endl;
  std::cerr << "list with `nightsafe --server unix:" << socket
            << " snapshots`, restore with a read key or recovery key; stop "
               "with Ctrl-C\n";
  WaitForStop();
  server->Shutdown();
  return absl::OkStatus();
}

}  // namespace

void AddRescue(CLI::App& app, Run& run) {
  auto options = std::make_shared<RescueOptions>();
  CLI::App* command = app.add_subcommand(
      "rescue",
      "Serve a data directory read-only on a Unix socket, for restoring with "
      "nothing but the disks and a key. Writes nothing below DATA and needs no "
      "index, settings or certificates.");
  command->add_option("DATA", options->data, "data directory")->required();
  command
      ->add_option("--socket", options->socket,
                   "where to listen [in a new private directory]")
      ->type_name("PATH");
  command->callback(
      [&run, options] { run = [options] { return Rescue(*options); }; });
}

}  // namespace nightsafe
