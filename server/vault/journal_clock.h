// How much of the time between two records of a journal is believed: a server's
// clock that jumps must not make snapshots old. A gap between two records
// counts for at most kBelievedGap until an admin's own clock, in an order, says
// the same time as the server's. No I/O.
#pragma once

#include "absl/time/time.h"

namespace nightsafe {

inline constexpr absl::Duration kBelievedGap = absl::Hours(36);

// A value. Thread-compatible.
class JournalClock {
 public:
  // An instant of the server's clock, with what was doubted of all time before.
  struct Instant {
    absl::Time time = absl::InfinitePast();
    absl::Duration doubted;
  };

  // What Now would be after a record of that time.
  Instant At(absl::Time time) const;
  // A record of that time; one before the last counts as the last.
  void Advance(absl::Time time);
  // All time so far was real.
  void Confirm() { confirmed_ = now_.doubted; }

  const Instant& Now() const { return now_; }
  // Time that is believed to have passed, not more than has; `now` is Now() or
  // an At().
  absl::Duration Between(const Instant& then, const Instant& now) const;
  // The earliest that `now` may really be.
  absl::Time Earliest(const Instant& now) const {
    return now.time - (now.doubted - confirmed_);
  }

 private:
  Instant now_;
  absl::Duration confirmed_;
};

}  // namespace nightsafe
