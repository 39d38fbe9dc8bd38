// nightsafe: the agent on a machine, and the restore client.

#include "client/cli/commands.h"
#include "common/crypto/random.h"

int main(int argc, char** argv) {
  using namespace nightsafe;
  InitCrypto();
  Program program(
      "Backs this machine up into a Nightsafe server with a credential that "
      "can "
      "only deposit; lists and restores with a reader credential and a key.",
      "nightsafe");
  ClientOptions options;
  options.AddTo(&program.app());
  AddEnrolCommand(program, options);
  AddBackupCommand(program, options);
  AddStatusCommand(program, options);
  AddKeyCommands(program);
  AddVaultCreateCommand(program);
  AddRefusalsCommand(program, options);
  AddSnapshotsCommand(program, options);
  AddLsCommand(program, options);
  AddRestoreCommand(program, options);
  AddVerifyCommand(program, options);
  return program.Main(argc, argv);
}
