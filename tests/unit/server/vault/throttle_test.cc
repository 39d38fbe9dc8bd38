#include "server/vault/throttle.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(Throttle, PaysForWhatWasDone) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  Throttle throttle(1000);
  EXPECT_EQ(throttle.PauseAfter(0, start), absl::ZeroDuration());
  // The second that went by unused is credited, no more.
  EXPECT_EQ(throttle.PauseAfter(3000, start + absl::Seconds(9)),
            absl::Seconds(2));
  EXPECT_EQ(throttle.PauseAfter(4000, start + absl::Seconds(11)),
            absl::Seconds(1));
  EXPECT_EQ(Throttle(0).PauseAfter(1 << 30, start), absl::ZeroDuration());
}

}  // namespace
}  // namespace nightsafe
