#include "server/vault/throttle.h"

#include <algorithm>

namespace nightsafe {

absl::Duration Throttle::PauseAfter(uint64_t total_bytes, absl::Time now) {
  if (bytes_per_second_ == 0) return absl::ZeroDuration();
  if (!started_) {
    started_ = true;
    last_bytes_ = total_bytes;
    free_at_ = now;
    return absl::ZeroDuration();
  }
  const uint64_t more = total_bytes - std::min(total_bytes, last_bytes_);
  last_bytes_ = total_bytes;
  free_at_ = std::max(free_at_, now - absl::Seconds(1)) +
             absl::Seconds(static_cast<double>(more) /
                           static_cast<double>(bytes_per_second_));
  return std::max(absl::ZeroDuration(), free_at_ - now);
}

}  // namespace nightsafe
