// simulate_agent [--states N] [--seed S] [--plant DEFECT]
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "common/crypto/random.h"
#include "tests/crash/agent/episode.h"

namespace nightsafe {
namespace {

constexpr char kHelp[] =
    "usage: simulate_agent [--states N] [--seed S] [--plant DEFECT]\n"
    "\n"
    "Backups by the real agent, whose state directory lies on a simulated "
    "disk,\n"
    "to the real server, both in this process. Runs crash at any call of the\n"
    "disk and around the commit, by kill or by power cut; the source changes\n"
    "between a crash and the next run, so that an index that lies shows. The\n"
    "next run must succeed, all snapshots must be of what was backed up, the\n"
    "chain must have neither gap nor fork, and what the state says must be "
    "so.\n"
    "\n"
    "  --states N      crashes (default 120; the goal is thousands)\n"
    "  --seed S        of the first episode of 25 states\n"
    "  --plant DEFECT  state-sync, directory-sync: a disk whose syncs of the\n"
    "                  state file or of the set's directory do nothing; "
    "passes\n"
    "                  if that is found\n";

constexpr uint64_t kEpisodeStates = 25;
// A server is made anew after this many, so that its lists stay short.
constexpr uint64_t kEpisodesPerServer = 40;

struct Arguments {
  uint64_t states = 120;
  uint64_t seed = 0;
  std::string plant;
};

const std::map<std::string, SimDisk::Defect>& Defects() {
  static const std::map<std::string, SimDisk::Defect> defects = {
      {"state-sync",
       {.operation = FileOperation::kSync, .path_contains = "/state."}},
      {"directory-sync",
       {.operation = FileOperation::kSyncDirectory,
        .path_contains = "/agent/sets/"}}};
  return defects;
}

bool Parse(int argc, char** argv, Arguments& arguments) {
  InitCrypto();
  arguments.seed = std::random_device()() % 1'000'000'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const std::string value = argv[i + 1];
    if (flag == "--states") {
      arguments.states = std::strtoull(value.c_str(), nullptr, 10);
    } else if (flag == "--seed") {
      arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (flag == "--plant" && Defects().contains(value)) {
      arguments.plant = value;
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && arguments.states > 0;
}

// A check that met only some of the cases proves less than it says.
bool MetEverything(const AgentFigures& f) {
  return f.before_commit > 0 && f.in_commit > 0 && f.after_commit > 0 &&
         f.answer_lost > 0 && f.resolved > 0 && f.by_kill > 0 &&
         f.lost_something > 0 && f.index_whole > 0 && f.index_gone > 0;
}

void Print(const AgentFigures& f) {
  const auto n = [](uint64_t value) {
    return static_cast<unsigned long long>(value);
  };
  std::printf(
      "%llu crashes (%llu kills, %llu power cuts that lost something): %llu "
      "before the commit, %llu while it was unanswered, %llu after\n"
      "%llu snapshots whose answer was lost; %llu pending commits made by the "
      "next run\n"
      "%llu disks looked at; with an index: %llu whole, %llu gone or damaged\n"
      "%llu snapshots read back and compared\n",
      n(f.states), n(f.by_kill), n(f.lost_something), n(f.before_commit),
      n(f.in_commit), n(f.after_commit), n(f.answer_lost), n(f.resolved),
      n(f.drawn), n(f.index_whole), n(f.index_gone), n(f.snapshots));
}

void Add(const AgentFigures& more, AgentFigures& sum) {
  sum.states += more.states;
  sum.drawn += more.drawn;
  sum.by_kill += more.by_kill;
  sum.lost_something += more.lost_something;
  sum.before_commit += more.before_commit;
  sum.in_commit += more.in_commit;
  sum.after_commit += more.after_commit;
  sum.answer_lost += more.answer_lost;
  sum.resolved += more.resolved;
  sum.snapshots += more.snapshots;
  sum.index_whole += more.index_whole;
  sum.index_gone += more.index_gone;
}

int Run(const Arguments& arguments) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(arguments.seed));
  std::optional<SimDisk::Defect> defect;
  if (!arguments.plant.empty()) defect = Defects().at(arguments.plant);
  AgentFigures figures;
  uint64_t failed = 0;
  uint64_t seed = arguments.seed;
  while (figures.states < arguments.states && failed == 0) {
    AgentWorld world;
    for (uint64_t i = 0; i < kEpisodesPerServer; ++i, ++seed) {
      const uint64_t done = figures.states + world.figures().states;
      if (done >= arguments.states || !world.violations().empty()) break;
      Episode(world, seed, defect)
          .Run(std::min(kEpisodeStates, arguments.states - done));
      for (const std::string& violation : world.violations()) {
        std::printf("violation: %s\n", violation.c_str());
      }
      if (world.violations().empty()) continue;
      ++failed;
      std::printf("replay: simulate_agent --states %llu --seed %llu%s%s\n",
                  static_cast<unsigned long long>(kEpisodeStates),
                  static_cast<unsigned long long>(seed),
                  arguments.plant.empty() ? "" : " --plant ",
                  arguments.plant.c_str());
    }
    Add(world.figures(), figures);
  }
  Print(figures);
  if (!arguments.plant.empty()) {
    std::printf("the planted defect was %sfound\n%d passed, %d failed\n",
                failed > 0 ? "" : "not ", failed > 0 ? 1 : 0,
                failed > 0 ? 0 : 1);
    return failed > 0 ? 0 : 1;
  }
  if (failed == 0 && arguments.states >= 100 && !MetEverything(figures)) {
    std::printf("some case was never met\n");
    ++failed;
  }
  std::printf("%llu failures in %llu: at most %.3g %% at 95 %%\n",
              static_cast<unsigned long long>(failed),
              static_cast<unsigned long long>(figures.states),
              300.0 / static_cast<double>(figures.states));
  std::printf("%llu passed, %llu failed\n",
              static_cast<unsigned long long>(figures.states - failed),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  nightsafe::Arguments arguments;
  if (!nightsafe::Parse(argc, argv, arguments)) {
    std::fputs(nightsafe::kHelp, stdout);
    return argc == 2 && std::string(argv[1]) == "--help" ? 0 : 2;
  }
  // The server syncs for real; on a memory disk that costs nothing.
  setenv("TMPDIR", "/dev/shm", /*overwrite=*/0);
  return nightsafe::Run(arguments);
}
