#include <iostream>
#include <memory>

#include "common/base/status.h"
#include "server/cli/command.h"
#include "server/cli/config_flags.h"
#include "server/cli/report.h"
#include "server/cli/signals.h"
#include "server/server.h"

namespace nightsafe {
namespace {

struct ServeOptions {
  std::string data;
  ConfigFlags config;
};

void PrintAddresses(const Server::Addresses& addresses) {
  std::cout << "hosts and readers: " << addresses.deposit << "\n"
            << "enrolment: " << addresses.enrol << "\n"
            << "admin: unix:" << addresses.admin_socket << "\n"
            << "admin, with a certificate: "
            << (addresses.admin.empty() ? "off" : addresses.admin) << "\n"
            << "metrics: "
            << (addresses.metrics.empty()
                    ? "off"
                    : "http://" + addresses.metrics + "/metrics")
            << "\n"
            << "ready" << std::endl;
}

absl::Status Serve(const ServeOptions& options) {
  BlockStopSignals();
  const auto fs = NewPosixFileSystem();
  const SystemClock clock;
  NS_ASSIGN_OR_RETURN(ServerConfig config, LoadConfig(*fs, options.data));
  options.config.Apply(config);
  StartupReport found;
  absl::StatusOr<std::unique_ptr<Server>> started =
      Server::Start(*fs, clock, options.data, config, &found);
  PrintStartupReport(found);
  NS_ASSIGN_OR_RETURN(std::unique_ptr<Server> server, std::move(started));
  PrintAddresses(server->addresses());
  WaitForStop();
  std::cerr << "stopping\n";
  return server->Shutdown();
}

}  // namespace

void AddServe(CLI::App& app, Run& run) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command =
      app.add_subcommand("serve",
                         "Serve a data directory until SIGINT or SIGTERM. "
                         "Prints where it listens, "
                         "then \"ready\". Flags override nightsafed.yaml.");
  command->add_option("DATA", options->data, "data directory")->required();
  options->config.AddTo(*command);
  command->callback(
      [&run, options] { run = [options] { return Serve(*options); }; });
}

}  // namespace nightsafe
