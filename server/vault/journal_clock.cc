#include "server/vault/journal_clock.h"

#include <algorithm>

namespace nightsafe {

JournalClock::Instant JournalClock::At(absl::Time time) const {
  if (now_.time == absl::InfinitePast()) return {.time = time};
  const absl::Duration gap = std::max(time - now_.time, absl::ZeroDuration());
  return {.time = now_.time + gap,
          .doubted = now_.doubted +
                     std::max(gap - kBelievedGap, absl::ZeroDuration())};
}

void JournalClock::Advance(absl::Time time) { now_ = At(time); }

absl::Duration JournalClock::Between(const Instant& then,
                                     const Instant& now) const {
  const absl::Duration doubted =
      now.doubted - std::max(then.doubted, confirmed_);
  return std::max(now.time - then.time - doubted, absl::ZeroDuration());
}

}  // namespace nightsafe
