#include <iostream>
#include <memory>

#include "common/base/status.h"
#include "server/cli/command.h"
#include "server/cli/report.h"
#include "server/vault/data_directory.h"

namespace nightsafe {
namespace {

absl::Status Rebuild(const std::string& data) {
  const auto fs = NewPosixFileSystem();
  const SystemClock clock;
  const absl::Time begin = clock.Now();
  uint64_t shown = 0;
  const auto show = [&](uint64_t done) {
    constexpr uint64_t kStep = 100'000;
    if (done / kStep == shown) return;
    shown = done / kStep;
    std::cerr << done << " objects\n";
  };
  StartupReport report;
  const absl::StatusOr<uint64_t> objects =
      DataDirectory::Rebuild(*fs, data, clock, show, &report);
  // After a failure too: a loss is found once.
  PrintStartupReport(report);
  NS_RETURN_IF_ERROR(objects.status());
  std::cout << "indexed " << *objects << " objects in "
            << absl::ToDoubleSeconds(clock.Now() - begin) << " s\n";
  return absl::OkStatus();
}

}  // namespace

void AddRebuild(CLI::App& app, Run& run) {
  auto data = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "rebuild",
      "Make the object index (DATA/index) anew from packs and journals. Packs "
      "that were removed and lie in packs/sealed, put back by hand or not yet "
      "taken away, are used again. No server may run on DATA meanwhile.");
  command->add_option("DATA", *data, "data directory")->required();
  command->callback([&run, data] { run = [data] { return Rebuild(*data); }; });
}

}  // namespace nightsafe
