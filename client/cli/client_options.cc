#include "client/cli/commands.h"
#include "client/terminal/places.h"

namespace nightsafe {

void ClientOptions::AddTo(CLI::App* app) {
  config_directory = ConfigDirectory();
  state_directory = StateDirectory();
  app->add_option("--config-dir", config_directory, "where credentials are")
      ->capture_default_str();
  app->add_option("--state-dir", state_directory,
                  "where the agent keeps its indexes")
      ->capture_default_str();
  app->add_option("--server", server, "to read from: unix:PATH (rescue)");
  app->add_option("--key", key_file, "to read with: read or recovery key");
  app->add_option("--vault", vault, "to read from");
  app->add_option("--vault-id", vault_id, "as on the recovery sheet");
}

}  // namespace nightsafe
