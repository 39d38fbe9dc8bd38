#include "server/cli/config_flags.h"

namespace nightsafe {

void ConfigFlags::AddTo(CLI::App& command) {
  command
      .add_option("--listen", listen,
                  "where hosts and readers connect [[::]:7480]")
      ->type_name("HOST:PORT");
  command
      .add_option("--enrol-listen", enrol_listen,
                  "where new machines enrol [[::]:7481]")
      ->type_name("HOST:PORT");
  command
      .add_option("--address", address,
                  "what hosts and readers are told to connect to [this "
                  "machine's name and the port of --listen]")
      ->type_name("HOST:PORT");
  command
      .add_option("--enrol-address", enrol_address,
                  "what new machines are told to connect to [this machine's "
                  "name and the port of --enrol-listen]")
      ->type_name("HOST:PORT");
  command
      .add_option("--metrics-listen", metrics_listen,
                  "Prometheus metrics, plain HTTP; empty for none "
                  "[127.0.0.1:9480]")
      ->type_name("HOST:PORT");
  command
      .add_option("--admin-socket", admin_socket,
                  "socket for nightsafe-admin [DATA/admin/admin.sock]")
      ->type_name("PATH");
  command
      .add_option("--admin-listen", admin_listen,
                  "where admins with a certificate connect; empty for nowhere "
                  "[nowhere]")
      ->type_name("HOST:PORT");
}

void ConfigFlags::Apply(ServerConfig& config) const {
  const auto apply = [](const std::optional<std::string>& flag,
                        std::string& setting) {
    if (flag.has_value()) setting = *flag;
  };
  apply(listen, config.listen);
  apply(enrol_listen, config.enrol_listen);
  apply(metrics_listen, config.metrics_listen);
  apply(admin_socket, config.admin_socket);
  apply(admin_listen, config.admin_listen);
  apply(address, config.address);
  apply(enrol_address, config.enrol_address);
}

}  // namespace nightsafe
