// The commands of nightsafe-admin. Each function adds its commands to the
// program; `options` outlives it.
#pragma once

#include "client/cli/admin_options.h"
#include "client/terminal/command.h"

namespace nightsafe {

void AddSetupCommand(Program& program, AdminOptions& options);
void AddVaultCommands(Program& program, AdminOptions& options);
// Below the command `vault`.
void AddRecoveryCommands(Program& program, AdminOptions& options,
                         CLI::App* vault);
void AddAdminKeyCommands(Program& program, AdminOptions& options);
void AddHostCommands(Program& program, AdminOptions& options);
void AddTokenCommands(Program& program, AdminOptions& options);
void AddReaderCommands(Program& program, AdminOptions& options);
void AddAdminCommands(Program& program, AdminOptions& options);
void AddSnapshotCommands(Program& program, AdminOptions& options);
void AddPolicyCommands(Program& program, AdminOptions& options);
void AddPruneCommand(Program& program, AdminOptions& options);
void AddTrashCommands(Program& program, AdminOptions& options);
void AddHoldCommands(Program& program, AdminOptions& options);
void AddAuditCommand(Program& program, AdminOptions& options);
void AddCollectCommand(Program& program, AdminOptions& options);
void AddScrubCommand(Program& program, AdminOptions& options);
void AddServerStatusCommand(Program& program, AdminOptions& options);

}  // namespace nightsafe
