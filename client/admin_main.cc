// nightsafe-admin: the admin's program.

#include "client/cli/admin_commands.h"
#include "common/crypto/random.h"

int main(int argc, char** argv) {
  using namespace nightsafe;
  InitCrypto();
  Program program(
      "Administers a Nightsafe server: lets hosts and readers in, revokes "
      "them, says how long snapshots stay, prunes, lists and checks what is "
      "stored.",
      "nightsafe-admin");
  AdminOptions options;
  options.AddTo(&program.app());
  AddSetupCommand(program, options);
  AddVaultCommands(program, options);
  AddAdminKeyCommands(program, options);
  AddHostCommands(program, options);
  AddTokenCommands(program, options);
  AddReaderCommands(program, options);
  AddAdminCommands(program, options);
  AddSnapshotCommands(program, options);
  AddPolicyCommands(program, options);
  AddPruneCommand(program, options);
  AddTrashCommands(program, options);
  AddHoldCommands(program, options);
  AddAuditCommand(program, options);
  AddCollectCommand(program, options);
  AddScrubCommand(program, options);
  AddServerStatusCommand(program, options);
  return program.Main(argc, argv);
}
