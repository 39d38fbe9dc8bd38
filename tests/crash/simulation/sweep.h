// Every call of an operation fails in turn: whatever it answers must be right,
// and nothing that was acknowledged may be lost after a crash behind it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/crash/simulation/state_check.h"
#include "tests/support/faulty_file_system.h"

namespace nightsafe {

struct SweepOptions {
  uint64_t seed = 1;
  // Only every so-many-th call, beginning with a random one.
  uint64_t every = 1;
  // Only these, if set: to repeat a failure.
  std::string scenario;
  uint64_t call = 0;
  std::string fault;
};

struct SweepFigures {
  struct Scenario {
    std::string name;
    std::map<FileOperation, uint64_t> calls;
    uint64_t index_calls = 0;  // of RocksDB's files
    uint64_t points = 0;       // failing calls that were tried
    uint64_t reported = 0;     // the operation said that it failed
    uint64_t right = 0;        // it succeeded all the same
  };
  std::vector<Scenario> scenarios;
  Figures states;  // of the crashes behind them
};

// Not OK: a promise was broken; the message ends with the options that repeat
// it, in brackets.
absl::Status RunSweep(const SweepOptions& options, SweepFigures& figures);

}  // namespace nightsafe
