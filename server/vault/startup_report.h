// What start-up found; for the log, metrics and the server's output.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nightsafe {

struct StartupReport {
  bool clean = true;  // the last run stopped cleanly
  uint64_t packs_recovered = 0;
  uint64_t objects_recovered = 0;
  // Objects put into an index that was missing or behind.
  uint64_t objects_indexed = 0;
  // "vault v: pack X is missing, N objects: snapshots ...": for a person.
  std::vector<std::string> losses;
  // Not a loss, but worth a line in the log.
  std::vector<std::string> notes;
};

}  // namespace nightsafe
