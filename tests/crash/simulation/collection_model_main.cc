// tests/crash/simulation/collection_model: see --help.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/crash/simulation/collection_model.h"
#include "tests/crash/simulation/seeded_random.h"

namespace nightsafe {
namespace {

struct Arguments {
  uint64_t steps = 0;
  uint64_t seed = 0;
  uint64_t episode = 2500;
  bool planted = false;
};

void Print(const CollectionFigures& f) {
  std::cout << f.steps << " steps (" << f.within
            << " inside of commits): " << f.commits << " commits, "
            << f.incomplete << " incomplete; " << f.expired << " expired, "
            << f.undeleted << " undeleted, " << f.purged << " purged; "
            << f.collections << " collections, " << f.aborted << " aborted, "
            << f.overflown << " refused for what sessions touched, "
            << f.condemned << " objects condemned, " << f.removed
            << " packs removed; " << f.restarts << " restarts, " << f.crashes
            << " of them crashes; " << f.quarantined
            << " objects quarantined\n";
}

// Runs lives of vaults until `steps` were made or an invariant broke.
absl::Status RunSteps(const Arguments& arguments, CollectionDefect defect,
                      CollectionFigures& figures, uint64_t& seed) {
  for (seed = arguments.seed; figures.steps < arguments.steps; ++seed) {
    const absl::Status status =
        CollectionModel(
            {.seed = seed, .steps = arguments.episode, .defect = defect},
            figures)
            .Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

bool CatchPlanted(const Arguments& arguments) {
  constexpr std::pair<const char*, CollectionDefect> kPlanted[] = {
      {"no shading", CollectionDefect::kNoShading},
      {"touch only where the check stops", CollectionDefect::kTouchOnlyStops},
      {"closed marks cleared in memory only", CollectionDefect::kClearInMemory},
      {"closed marks of the barrier's generation",
       CollectionDefect::kNewGenerationMarks},
      {"mark from the live list only", CollectionDefect::kMarkLiveOnly},
      {"sessions that touched too much are forgotten when they end",
       CollectionDefect::kForgetOverflow},
  };
  bool all = true;
  for (const auto& [what, defect] : kPlanted) {
    CollectionFigures figures;
    uint64_t seed = 0;
    const absl::Status status = RunSteps(arguments, defect, figures, seed);
    std::cout << what << ": " << (status.ok() ? "NOT CAUGHT" : "caught")
              << " after " << figures.steps << " steps";
    if (!status.ok()) std::cout << ", seed " << seed << ": " << status;
    std::cout << "\n" << std::flush;
    all = all && !status.ok();
  }
  return all;
}

int Run(int argc, char** argv) {
  Arguments arguments;
  arguments.seed = std::random_device()();
  CLI::App app{
      "Lets backups, expiry, collections, crashes and damage run into each\n"
      "other in random order, and looks whether every snapshot stays whole."};
  app.add_option("--steps", arguments.steps,
                 "steps to make; 10,000, or 200,000 for planted defects");
  app.add_option("--seed", arguments.seed, "of the first vault");
  app.add_option("--episode", arguments.episode, "steps in the life of a vault")
      ->capture_default_str();
  app.add_flag("--planted", arguments.planted,
               "show that planted defects are found, each within --steps");
  CLI11_PARSE(app, argc, argv);
  if (arguments.steps == 0) {
    arguments.steps = arguments.planted ? 200'000 : 10'000;
  }
  UseSeededRandom();
  InitCrypto();
  std::cout << "seed " << arguments.seed << "\n" << std::flush;
  const auto started = std::chrono::steady_clock::now();
  bool fine = true;
  if (arguments.planted) {
    fine = CatchPlanted(arguments);
  } else {
    CollectionFigures figures;
    uint64_t seed = 0;
    const absl::Status status =
        RunSteps(arguments, CollectionDefect::kNone, figures, seed);
    Print(figures);
    fine = status.ok();
    if (!fine) {
      std::cout << "FAILED: " << status << "\nreplay: collection_model --seed "
                << seed << " --episode " << arguments.episode << " --steps "
                << arguments.episode << "\n";
    } else if (figures.commits == 0 || figures.removed == 0) {
      std::cout << "FAILED: nothing was collected\n";
      fine = false;
    } else {
      std::cout << "0 violations\n";
    }
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - started;
  std::cout << took.count() << " s\n"
            << (fine ? "1 passed, 0 failed" : "0 passed, 1 failed") << "\n";
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) { return nightsafe::Run(argc, argv); }
