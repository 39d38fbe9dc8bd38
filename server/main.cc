// nightsafed: the server of Nightsafe.
#include <iostream>

#include "common/crypto/random.h"
#include "server/cli/command.h"
#include "server/server.h"

int main(int argc, char** argv) {
  using namespace nightsafe;
  InitCrypto();
  CLI::App app{
      "nightsafed keeps what hosts deposit and gives it to readers.\n\n"
      "Exit codes: 0 done, 1 failure, 2 wrong usage or settings, 4 no such "
      "data directory, 7 stored bytes are damaged, 8 no space.",
      "nightsafed"};
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  Run run;
  AddInit(app, run);
  AddServe(app, run);
  AddRebuild(app, run);
  AddRescue(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const absl::Status status = run();
  if (!status.ok()) std::cerr << "nightsafed: " << status.message() << "\n";
  return ExitCodeOf(status);
}
