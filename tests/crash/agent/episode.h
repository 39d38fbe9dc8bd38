// One set of one host from its first run on: runs that crash, runs that do not,
// and a source that changes between them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/crash/agent/agent_world.h"

namespace nightsafe {

class Episode {
 public:
  Episode(AgentWorld& world, uint64_t seed,
          const std::optional<SimDisk::Defect>& defect);

  // Ends early after a violation.
  void Run(uint64_t states);

 private:
  enum class Crash {
    kBeforeCall,    // of the disk
    kDuringCall,    // some of it was done
    kBeforeCommit,  // saved as pending, not sent
    kAnswerLost,    // made, and the agent does not learn it
  };
  struct Left {  // a disk after the crash
    std::unique_ptr<SimDisk> disk;
    bool killed = false;
    bool lost_something = false;
  };

  void CrashOnce();
  void Recover();
  absl::StatusOr<BackupResult> Backup(Crash crash, uint64_t call);
  absl::Status OnCall(Crash crash, uint64_t call, FileOperation operation);
  void DrawDisks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CheckLeft(bool acknowledged);
  void CountPhase(bool acknowledged, const SimDisk& killed);
  // Reads what is new on the server. `last`: must be the newest's picture.
  void CheckNew(const Picture* last);

  AgentWorld& world_;
  const std::string set_;
  std::mt19937_64 random_;
  SourceTree tree_;
  const BackupOptions options_;
  std::unique_ptr<SimDisk> disk_;
  bool power_lost_ = false;  // since the last run that came to its end
  uint64_t calls_ = 30;      // of a run, about
  // What a snapshot that turns up may be of.
  std::vector<Picture> candidates_;
  std::vector<SnapshotId> acknowledged_;
  size_t known_snapshots_ = 0;

  absl::Mutex mutex_;
  bool dead_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Left> left_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
