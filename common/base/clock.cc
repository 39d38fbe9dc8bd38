#include "common/base/clock.h"

#include "absl/time/clock.h"

namespace nightsafe {

absl::Time SystemClock::Now() const { return absl::Now(); }

}  // namespace nightsafe
