// The only source of the time of day.
#pragma once

#include "absl/time/time.h"

namespace nightsafe {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
};

}  // namespace nightsafe
