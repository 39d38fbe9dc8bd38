// One operation list, made from a seed, run on a simulated disk; crash states
// are drawn before every mutating call and checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/crash/simulation/agent.h"
#include "tests/crash/simulation/ledger.h"
#include "tests/crash/simulation/sim_server.h"
#include "tests/crash/simulation/state_check.h"

namespace nightsafe {

struct SimulationOptions {
  uint64_t seed = 1;
  uint64_t max_states = 1000;
  uint64_t draws_per_call = 1;
  // Only the states drawn before that call: to repeat one.
  std::optional<uint64_t> only_call;
  // What the product is made to do wrong.
  std::optional<SimDisk::Defect> defect;
};

class Simulation {
 public:
  Simulation(const SimulationOptions& options, Figures& figures);
  ~Simulation();

  // Not OK: a promise was broken. The message ends with the call, as
  // "[call N]", if it was a drawn state.
  absl::Status Run();
  // A disk with some history, as a kill left it, and with what options.
  static absl::StatusOr<CrashState> MakeBase(uint64_t seed,
                                             StoreOptions& store_options);
  // Of all mutating calls but their bytes: equal for equal seeds.
  uint64_t trace() const { return trace_; }

 private:
  enum class Kind {
    kDeposit,
    kOpen,
    kPut,
    kCommit,
    kDrop,
    kScrub,
    kExpire,
    kCollect,
    kSweep,
    kCompact,
    kOrder,
    kAddHost,
    kAddVault,
    kRestart,
    kKill,
    kPowerCut,
    kRebuild,
  };
  // `number` says which agent, session or vault, and how many.
  struct Operation {
    Kind kind;
    uint64_t number;
  };
  struct Session {
    size_t agent;
    AttemptPtr attempt;
    std::unique_ptr<DepositSession> deposit;
    std::vector<SharedObject> wanted;
    size_t put = 0;
  };

  std::vector<Operation> MakeList();
  absl::Status SetUp();
  absl::Status Do(const Operation& operation);
  absl::Status AddVault();
  absl::Status AddHost(uint64_t number);
  absl::Status OpenSession(uint64_t number);
  absl::Status PutSome(uint64_t number);
  absl::Status CommitSession(uint64_t number);
  absl::Status Restart(Kind kind);
  bool IsBusy(size_t agent) const;
  void Watch();
  // Before a mutating call.
  void AtCall(FileOperation operation, absl::string_view path);
  void DrawStates();

  const SimulationOptions options_;
  Figures& figures_;
  std::mt19937_64 random_;
  StoreOptions store_options_;
  std::vector<std::unique_ptr<TestVault>> vaults_;
  std::vector<Agent> agents_;
  Ledger ledger_;
  uint64_t crashes_ = 0;
  std::unique_ptr<SimServer> server_;
  Reaper reaper_;
  std::vector<Session> sessions_;
  uint64_t hosts_ = 0;
  uint64_t calls_ = 0;
  uint64_t trace_ = 0;
  bool watching_ = false;
  absl::Status violation_;
};

}  // namespace nightsafe
