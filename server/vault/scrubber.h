// Scrubs the vaults of a server by schedule and when asked, one at a time and
// with low priority for processor and disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

struct ScrubSchedule {
  // A scrub begins this long after the one before began; zero: only when asked.
  absl::Duration interval;
  uint64_t bytes_per_second = 0;  // of scheduled ones; 0: without a limit
};

// What a scrub that runs now has done.
struct ScrubSight {
  std::string vault;
  bool scheduled = false;
  ScrubProgress progress;  // without a cursor
};

struct VaultFindings {
  std::string vault;
  ScrubResult result;
};

// Totals since the server started.
struct ScrubTotals {
  uint64_t objects = 0;
  uint64_t bytes = 0;
};

// Thread-safe.
class Scrubber {
 public:
  // Borrows. Begins to look at the schedule at once.
  Scrubber(DataDirectory& data, const Clock& clock,
           const ScrubSchedule& schedule);
  // As Stop.
  ~Scrubber();

  // Ends what runs; it goes on at the next start. Nothing begins any more.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  const ScrubSchedule& schedule() const { return schedule_; }

  struct Request {
    std::string vault;              // empty: all
    uint64_t bytes_per_second = 0;  // 0: without a limit
    bool resume = false;            // what was interrupted; else begins anew
  };
  // Scrubs now and returns what was found; a scheduled one makes way. `watch`
  // is called about twice a second and when a vault is done; an error from it
  // stops the scrub, which can then be resumed, by the schedule too.
  // FAILED_PRECONDITION: another one that was asked for is under way. NOT_FOUND
  absl::StatusOr<std::vector<VaultFindings>> ScrubNow(
      const Request& request,
      const std::function<absl::Status(const ScrubSight&)>& watch)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Nothing if none runs.
  std::optional<ScrubSight> sight() const ABSL_LOCKS_EXCLUDED(mutex_);
  ScrubTotals totals() const ABSL_LOCKS_EXCLUDED(mutex_);
  // When the vault's next scrub begins, in the past if one is under way or was
  // interrupted; nothing if there is no schedule.
  std::optional<absl::Time> NextScrub(const Vault& vault) const;

 private:
  void RunSchedule() ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsDue(const Vault& vault) const;
  // True if it ended by itself, with or without an error.
  bool RunScheduled(Vault& vault) ABSL_LOCKS_EXCLUDED(mutex_);
  // One vault, in the calling thread, whose turn it is.
  absl::StatusOr<ScrubResult> Run(Vault& vault, uint64_t bytes_per_second,
                                  bool resume, bool scheduled)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes progress, pauses; CANCELLED if the scrub has to end.
  absl::Status Step(const ScrubProgress& progress, absl::Duration pause,
                    bool scheduled) ABSL_LOCKS_EXCLUDED(mutex_);
  bool MustEnd(bool scheduled) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  DataDirectory& data_;
  const Clock& clock_;
  const ScrubSchedule schedule_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;      // a ScrubNow is under way
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;  // that one has to end
  bool running_ ABSL_GUARDED_BY(mutex_) = false;    // a thread has its turn
  std::optional<ScrubSight> sight_ ABSL_GUARDED_BY(mutex_);
  ScrubTotals totals_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace nightsafe
