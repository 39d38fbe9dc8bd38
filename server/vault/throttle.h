// Keeps a reader below a rate.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace nightsafe {

// Thread-compatible. Knows no clock: times come from the caller.
class Throttle {
 public:
  // 0: without a limit.
  explicit Throttle(uint64_t bytes_per_second)
      : bytes_per_second_(bytes_per_second) {}

  // `total_bytes` were done by `now`, counted from any fixed point: how long to
  // pause. What was not used for more than a second is not saved up.
  absl::Duration PauseAfter(uint64_t total_bytes, absl::Time now);

 private:
  const uint64_t bytes_per_second_;
  bool started_ = false;
  uint64_t last_bytes_ = 0;
  absl::Time free_at_;  // when all that was done so far is paid for
};

}  // namespace nightsafe
