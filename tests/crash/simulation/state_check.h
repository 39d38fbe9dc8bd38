// Starts a server on what a crash left and looks whether every promise holds.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "server/vault/object_store.h"
#include "tests/crash/simulation/agent.h"
#include "tests/crash/simulation/ledger.h"
#include "tests/support/sim_disk.h"

namespace nightsafe {

struct Figures {
  uint64_t states = 0;       // disks that were started on
  uint64_t lossy = 0;        // power cuts that lost something
  uint64_t lost = 0;         // unsynced changes that these lost
  uint64_t kills = 0;        // states with the page cache as it was
  uint64_t again = 0;        // states of a crash during recovery or behind it
  uint64_t runs = 0;         // operation lists
  uint64_t calls = 0;        // mutating calls in them
  uint64_t operations = 0;   // of the lists
  uint64_t committed = 0;    // snapshots acknowledged in the lists
  uint64_t recovered = 0;    // packs that starts finished
  uint64_t in_flight = 0;    // states with an unanswered commit
  uint64_t interrupted = 0;  // of those, listed without an answer
  uint64_t rebuilds = 0;
  uint64_t scrubs = 0;
  uint64_t collections = 0;

  void Add(const Figures& other);
};

// A disk with its ledger and agents at one moment.
struct CrashState {
  std::unique_ptr<SimDisk> disk;
  Ledger ledger;
  std::vector<Agent> agents;
  uint64_t crashes = 0;  // in its history
};

// Draws a crash of `disk`: kill -9 now and then, else a power cut.
std::unique_ptr<SimDisk> DrawCrash(const SimDisk& disk, std::mt19937_64& random,
                                   Figures& figures);

// As `depth` of CheckState: the state's server does not crash again.
inline constexpr int kNoMoreCrashes = 100;

// Start, ledger, next backup, and at random: scrub, clean restart, rebuild, and
// another crash on the way, whose state is checked in the same way. Not OK: a
// promise was broken.
absl::Status CheckState(CrashState state, const StoreOptions& options,
                        std::mt19937_64& random, Figures& figures,
                        int depth = 0);

// Every object that is stored is what its id says.
absl::Status ScrubAll(DataDirectory& data);

}  // namespace nightsafe
