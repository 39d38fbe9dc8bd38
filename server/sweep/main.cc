// nightsafe-sweep: takes away packs that no snapshot needs any more.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"
#include "server/sweep/sweeper.h"

namespace nightsafe {
namespace {

enum SweepExit : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitRefused = 3,  // something was left where it is
};

constexpr uint64_t kMaxConfigBytes = 64 << 10;

absl::StatusOr<SweepReport> Run(const std::string& file, bool act) {
  const auto fs = NewPosixFileSystem();
  NS_ASSIGN_OR_RETURN(const std::string yaml,
                      ReadWholeFile(*fs, file, kMaxConfigBytes));
  auto config = ParseSweepConfig(yaml);
  NS_RETURN_IF_ERROR(Annotate(config.status(), file));
  return Sweep(*fs, *config, SystemClock(), act);
}

int Main(int argc, char** argv) {
  CLI::App app{
      "Takes away packs that the server's journals call removed, once it has "
      "convinced itself, from journals and packs alone, that no snapshot needs "
      "them: they are moved to removed/, and unlinked when the delay has "
      "passed. Runs as a user of its own, beside a running server.\n\n"
      "Exit codes: 0 done, 1 failure, 2 wrong usage or settings, 3 something "
      "was refused and left where it is (standard error says why).",
      "nightsafe-sweep"};
  std::string config = "/etc/nightsafe/sweep.yaml";
  bool dry_run = false;
  app.add_option("--config", config,
                 "settings: data, state, server_id, delay_hours, "
                 "accepted_forged_records")
      ->capture_default_str();
  app.add_flag("--dry-run", dry_run, "say what would be done; write nothing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const auto report = Run(config, !dry_run);
  if (!report.ok()) {
    std::cerr << "nightsafe-sweep: " << report.status().message() << "\n";
    return absl::IsInvalidArgument(report.status()) ? kExitUsage : kExitFailure;
  }
  for (const std::string& line : report->done) {
    std::cout << (dry_run ? "would " : "") << line << "\n";
  }
  for (const std::string& line : report->refused) {
    std::cerr << "nightsafe-sweep: left: " << line << "\n";
  }
  std::cout << report->moved << " moved, " << report->waiting << " waiting, "
            << report->unlinked << " unlinked, " << report->freed_bytes
            << " bytes freed\n";
  return report->refused.empty() ? kExitOk : kExitRefused;
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  nightsafe::InitCrypto();
  return nightsafe::Main(argc, argv);
}
