// A machine for the simulation of a fleet: what its nights leave on a server,
// as stored objects with sizes.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/retention/suspicion.h"

namespace nightsafe {

enum class MachineKind { kServer, kWorkstation, kSmall, kMail, kDump };
inline constexpr int kMachineKinds = 5;
const char* KindName(MachineKind kind);

// Lives one day after the other. The same seed lives the same life.
class Machine {
 public:
  Machine(MachineKind kind, uint64_t seed);

  // Lets a day pass; what happened, if it was more than usual, else "".
  std::string Live();
  // Whether it is on today, and how often it backs up.
  int BackupsToday();
  // Measures what a snapshot of the present state adds.
  Measures Snapshot();

  // What an intruder does.
  void EncryptAll();
  void EncryptData();
  void DeleteAll();
  void DeleteData();

 private:
  struct Object {
    uint64_t bytes = 0;
    bool stored = false;
    uint64_t seen_in = 0;  // the last snapshot that held it
  };
  using Objects = std::vector<Object>;

  double Uniform() { return std::uniform_real_distribution<>(0, 1)(random_); }
  bool Chance(double p) { return Uniform() < p; }
  double Between(double low, double high) {
    return low + (high - low) * Uniform();
  }
  void Grow(Objects& objects, double bytes);
  void Replace(Objects& objects, double share);
  void Remove(Objects& objects, double share);
  void RotateLogs();

  std::string LiveEvents();

  const MachineKind kind_;
  std::mt19937_64 random_;
  uint64_t object_bytes_ = 32 << 20;
  Objects system_;
  Objects data_;
  Objects logs_;
  double daily_change_ = 0;
  double daily_growth_ = 0;
  int per_day_ = 1;
  int off_days_ = 0;
  int without_data_ = 0;  // days until a reinstalled machine has its data back
  Objects data_apart_;
  uint64_t snapshots_ = 0;
  uint64_t previous_bytes_ = 0;
};

}  // namespace nightsafe
