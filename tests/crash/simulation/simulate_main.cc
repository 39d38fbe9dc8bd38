// tests/crash/simulate: see --help.
#include <malloc.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/crash/simulation/seeded_random.h"
#include "tests/crash/simulation/simulation.h"
#include "tests/crash/simulation/sweep.h"

namespace nightsafe {
namespace {

struct Arguments {
  uint64_t states = 0;
  uint64_t seed = 0;
  uint64_t call = 0;
  uint64_t draws = 1;
  unsigned jobs = 1;
  bool planted = false;
  bool sweep = false;
  uint64_t every = 1;
  std::string scenario;
  std::string fault;
};

// Every run repeats to the byte only if addresses do: hash tables depend on
// them.
void FixAddresses(char** argv) {
  const int now = ::personality(0xffffffff);
  if (now < 0 || (now & ADDR_NO_RANDOMIZE) != 0) return;
  if (::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) < 0) {
    return;
  }
  ::execv("/proc/self/exe", argv);
}

void PrintFigures(const Figures& f, uint64_t failures) {
  std::cout << f.runs << " operation lists, " << f.operations << " operations, "
            << f.committed << " snapshots acknowledged, " << f.calls
            << " mutating calls\n"
            << f.states << " crash states: " << f.lossy
            << " power cuts that lost something (" << f.lost << " changes), "
            << f.kills << " kills, " << f.again
            << " of them crashes during a recovery or the backup after it\n"
            << f.recovered << " packs recovered, " << f.in_flight
            << " unanswered commits, " << f.interrupted
            << " of them listed after the start, " << f.scrubs << " scrubs, "
            << f.collections << " collections, " << f.rebuilds << " rebuilds\n";
  const double bound =
      f.states == 0 ? 100.0 : 300.0 / static_cast<double>(f.states);
  if (failures == 0) {
    std::cout << "0 failures in " << f.states << ": at most " << bound
              << " % at 95 %\n";
  }
}

// Runs lists until `states` were checked or one broke a promise.
bool RunLists(const Arguments& arguments, uint64_t first, uint64_t step,
              uint64_t states, Figures& figures) {
  for (uint64_t run = first; figures.states < states; run += step) {
    SimulationOptions options{.seed = arguments.seed + run,
                              .max_states = states,
                              .draws_per_call = arguments.draws};
    if (arguments.call > 0) options.only_call = arguments.call;
    const absl::Status status = Simulation(options, figures).Run();
    if (!status.ok()) {
      std::string replay =
          absl::StrCat("replay: tests/crash/simulate --seed ", options.seed);
      const std::string message(status.message());
      const size_t call = message.rfind("[call ");
      if (call != std::string::npos) {
        absl::StrAppend(&replay, " --call ",
                        message.substr(call + 6, message.size() - call - 7));
      } else {
        absl::StrAppend(&replay, " --draws 0");
      }
      std::cout << "FAILED: " + message + "\n" + replay + "\n" << std::flush;
      return false;
    }
    if (arguments.call > 0 || arguments.draws == 0) break;
  }
  return true;
}

// In `jobs` processes; each sends its figures home.
bool RunAll(const Arguments& arguments, Figures& figures) {
  if (arguments.jobs <= 1 || arguments.call > 0) {
    return RunLists(arguments, 0, 1, arguments.states, figures);
  }
  bool fine = true;
  std::vector<std::pair<pid_t, int>> children;
  std::cout << std::flush;
  for (unsigned job = 0; job < arguments.jobs; ++job) {
    int ends[2];
    if (::pipe(ends) != 0) return false;
    const pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) {
      Figures mine;
      const bool well = RunLists(
          arguments, job, arguments.jobs,
          (arguments.states + arguments.jobs - 1) / arguments.jobs, mine);
      const bool sent = ::write(ends[1], &mine, sizeof mine) == sizeof mine;
      std::cout << std::flush;
      ::_exit(well && sent ? 0 : 1);
    }
    ::close(ends[1]);
    children.emplace_back(child, ends[0]);
  }
  for (const auto& [child, pipe] : children) {
    Figures theirs;
    const bool got = ::read(pipe, &theirs, sizeof theirs) == sizeof theirs;
    ::close(pipe);
    int status = 0;
    ::waitpid(child, &status, 0);
    fine = fine && got && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (got) figures.Add(theirs);
  }
  return fine;
}

// The harness must find what it is there to find.
bool CatchPlanted(const Arguments& arguments) {
  const std::pair<const char*, SimDisk::Defect> planted[] = {
      {"packs are not synced",
       {.operation = FileOperation::kSync, .path_contains = "/packs/open/"}},
      {"the index is written before the packs are synced",
       {.operation = FileOperation::kSync,
        .path_contains = "/packs/open/",
        .until = "/vaults/vault1/journal/"}},
      {"the answer comes before the journal is synced",
       {.operation = FileOperation::kSync,
        .path_contains = "/journal/",
        .until = ""}},
      {"the directory of open packs is not synced",
       {.operation = FileOperation::kSyncDirectory,
        .path_contains = "/packs/open"}},
      {"the directory of a journal is not synced",
       {.operation = FileOperation::kSyncDirectory,
        .path_contains = "/journal"}},
  };
  bool all = true;
  for (const auto& [what, defect] : planted) {
    Figures figures;
    absl::Status status;
    for (uint64_t run = 0; status.ok() && figures.states < arguments.states;
         ++run) {
      status = Simulation({.seed = arguments.seed + run,
                           .max_states = arguments.states,
                           .defect = defect},
                          figures)
                   .Run();
    }
    std::cout << what << ": " << (status.ok() ? "NOT CAUGHT" : "caught")
              << " after " << figures.states << " states"
              << (status.ok() ? "" : absl::StrCat(": ", status.message()))
              << "\n";
    all = all && !status.ok();
  }
  return all;
}

bool SweepAll(const Arguments& arguments) {
  constexpr const char* kNames[] = {
      "write",   "sync",   "allocate", "create",         "rename",
      "replace", "unlink", "mkdir",    "sync-directory", "read"};
  SweepFigures figures;
  const absl::Status status = RunSweep({.seed = arguments.seed,
                                        .every = arguments.every,
                                        .scenario = arguments.scenario,
                                        .call = arguments.call,
                                        .fault = arguments.fault},
                                       figures);
  uint64_t points = 0;
  for (const SweepFigures::Scenario& scenario : figures.scenarios) {
    std::cout << scenario.name << ":";
    for (const auto& [operation, count] : scenario.calls) {
      std::cout << " " << count << " " << kNames[static_cast<int>(operation)];
    }
    std::cout << " (" << scenario.index_calls << " of RocksDB's files); "
              << scenario.points << " failing calls: " << scenario.reported
              << " reported, " << scenario.right << " without effect\n";
    points += scenario.points;
  }
  std::cout << points << " failing calls, " << figures.states.states
            << " crash states behind them, " << figures.states.rebuilds
            << " rebuilds\n";
  if (status.ok()) {
    std::cout << "0 failures in " << points << ": at most "
              << 300.0 / static_cast<double>(points) << " % at 95 %\n";
    return points > 0;
  }
  const std::string message(status.message());
  std::string replay = message.substr(message.rfind('[') + 1);
  if (!replay.empty()) replay.pop_back();
  std::cout << "FAILED: " << message
            << "\nreplay: tests/crash/simulate --sweep --seed "
            << arguments.seed << " " << replay << "\n";
  return false;
}

int Run(int argc, char** argv) {
  Arguments arguments;
  arguments.seed = std::random_device()();
  CLI::App app{
      "Runs deposits, restarts, rebuilds and scrubs on a disk in memory, and\n"
      "before every call that changes the disk draws what a crash may leave.\n"
      "On each such state a server must start, list every acknowledged\n"
      "snapshot, give back every object, and take the next backup."};
  app.add_option("--states", arguments.states,
                 "crash states to check; by default 300, 3000 of each defect");
  app.add_option("--seed", arguments.seed, "of the first operation list");
  app.add_option("--draws", arguments.draws,
                 "states drawn before each call; 0: run one list only")
      ->capture_default_str();
  app.add_option("--call", arguments.call,
                 "only the states before that call of that seed's list");
  app.add_option("-j", arguments.jobs, "processes")->capture_default_str();
  app.add_flag("--planted", arguments.planted,
               "show that planted defects are found");
  app.add_flag(
      "--sweep", arguments.sweep,
      "let every call of every operation fail instead: EIO, ENOSPC,\n"
      "once and from then on, each followed by a kill and a power cut");
  app.add_option("--every", arguments.every,
                 "with --sweep: only every so-many-th call")
      ->check(CLI::PositiveNumber);
  app.add_option("--scenario", arguments.scenario, "with --sweep: only this");
  app.add_option("--fault", arguments.fault, "with --sweep: only this");
  CLI11_PARSE(app, argc, argv);
  if (arguments.states == 0) arguments.states = arguments.planted ? 3000 : 300;
  FixAddresses(argv);
  // Pages that go back to the system between two starts cost more than these.
  ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  UseSeededRandom();
  InitCrypto();
  std::cout << "seed " << arguments.seed << "\n" << std::flush;
  const auto started = std::chrono::steady_clock::now();
  bool fine = true;
  if (arguments.sweep) {
    fine = SweepAll(arguments);
  } else if (arguments.planted) {
    fine = CatchPlanted(arguments);
  } else {
    Figures figures;
    fine = RunAll(arguments, figures);
    PrintFigures(figures, fine ? 0 : 1);
    if (fine && arguments.call == 0 && arguments.draws > 0 &&
        (figures.lossy == 0 || figures.committed == 0)) {
      std::cout << "FAILED: no power cut lost anything\n";
      fine = false;
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
