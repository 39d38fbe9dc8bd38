// The commands of nightsafe; each function adds its own to the program.
#pragma once

#include <string>

#include "client/terminal/command.h"

namespace nightsafe {

// Options before the command; outlive the program's run.
struct ClientOptions {
  std::string config_directory;  // --config-dir
  std::string state_directory;   // --state-dir
  // For commands that read, which take them behind their name too.
  std::string server;
  std::string key_file;
  std::string vault;
  std::string vault_id;

  void AddTo(CLI::App* app);
};

void AddBackupCommand(Program& program, const ClientOptions& options);
void AddEnrolCommand(Program& program, const ClientOptions& options);
void AddKeyCommands(Program& program);
void AddVaultCreateCommand(Program& program);
void AddRefusalsCommand(Program& program, const ClientOptions& options);
void AddSnapshotsCommand(Program& program, const ClientOptions& client);
void AddLsCommand(Program& program, const ClientOptions& client);
void AddRestoreCommand(Program& program, const ClientOptions& client);
void AddVerifyCommand(Program& program, const ClientOptions& client);
void AddStatusCommand(Program& program, const ClientOptions& options);

}  // namespace nightsafe
