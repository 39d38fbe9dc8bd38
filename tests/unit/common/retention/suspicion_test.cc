#include "common/retention/suspicion.h"

#include <gtest/gtest.h>

#include "tests/unit/common/retention/set_story.h"

namespace nightsafe {
namespace {

class SuspicionTest : public testing::Test {
 protected:
  SuspicionTest() {
    for (int day = 0; day < 10; ++day) story_.Ordinary(NextNight());
  }
  absl::Time NextNight() { return kStart + nights_++ * kDay + absl::Hours(2); }

  SetStory story_;
  int nights_ = 0;
};

TEST_F(SuspicionTest, OrdinaryNightsAreNot) {
  for (int day = 0; day < 30; ++day) {
    const Observation seen = story_.Ordinary(NextNight());
    EXPECT_FALSE(seen.suspicious()) << seen.suspicion;
    EXPECT_FALSE(seen.extra);
  }
}

TEST_F(SuspicionTest, EverythingEncrypted) {
  EXPECT_EQ(
      story_
          .Commit({.received = NextNight(),
                   .new_bytes = 1000 * kMiB,
                   .previous_bytes = 1024 * kMiB,
                   .kept_bytes = 20 * kMiB,
                   .reached_bytes = 1020 * kMiB})
          .suspicion,
      "it keeps 2 % of what the one before it held, when at least 98 % are the "
      "rule");
}

TEST_F(SuspicionTest, EverythingGone) {
  // Also if the share is not known.
  EXPECT_EQ(
      story_.Commit({.received = NextNight(), .reached_bytes = 2048}).suspicion,
      "it holds 2 KiB, when 1024 MiB are the rule");
  // The next empty one keeps all of the first.
  EXPECT_TRUE(story_
                  .Commit({.received = NextNight(),
                           .previous_bytes = 2048,
                           .kept_bytes = 2048,
                           .reached_bytes = 2048})
                  .suspicious());
  EXPECT_EQ(story_.observer().suspect_since(), 11u);
}

TEST_F(SuspicionTest, MuchNewAlthoughMuchIsKept) {
  EXPECT_EQ(story_
                .Commit({.received = NextNight(),
                         .new_bytes = 900 * kMiB,
                         .reached_bytes = 1900 * kMiB})
                .suspicion,
            "900 MiB of it are new, when 20 MiB of 1024 MiB are the rule");
}

TEST_F(SuspicionTest, DistributionUpgradeIsOrdinary) {
  EXPECT_FALSE(story_
                   .Commit({.received = NextNight(),
                            .new_bytes = 600 * kMiB,
                            .previous_bytes = 1024 * kMiB,
                            .kept_bytes = 400 * kMiB,
                            .reached_bytes = 1000 * kMiB})
                   .suspicious());
}

TEST_F(SuspicionTest, Flood) {
  const absl::Time night = NextNight();
  for (int i = 0; i < 12; ++i) {
    const Observation seen = story_.Ordinary(night + absl::Minutes(i));
    EXPECT_EQ(seen.extra, i > 0);
    EXPECT_FALSE(seen.suspicious());
  }
  EXPECT_EQ(story_.Ordinary(night + absl::Minutes(12)).suspicion,
            "it is number 13 of its day, when there are 1 as a rule");
}

TEST_F(SuspicionTest, ReleasedPaceIsTheNewOne) {
  int suspicious = 0;
  for (int day = 0; day < 10; ++day) {
    const absl::Time night = NextNight();
    for (int i = 0; i < 20; ++i) {
      suspicious += story_.Ordinary(night + absl::Hours(i)).suspicious();
    }
    story_.Release(story_.sequence());
  }
  EXPECT_EQ(suspicious, 8);
}

TEST_F(SuspicionTest, ADumpWithoutAnyShareHasThatForARule) {
  SetStory dumps;
  for (int day = 0; day < 20; ++day) {
    EXPECT_FALSE(dumps
                     .Commit({.received = kStart + day * kDay,
                              .new_bytes = 500 * kMiB,
                              .previous_bytes = 500 * kMiB,
                              .reached_bytes = 500 * kMiB})
                     .suspicious());
  }
  EXPECT_TRUE(dumps
                  .Commit({.received = kStart + 20 * kDay,
                           .new_bytes = kMiB,
                           .previous_bytes = 500 * kMiB,
                           .reached_bytes = kMiB})
                  .suspicious());
}

TEST_F(SuspicionTest, ReleasedIsTheNewMeasure) {
  const auto small = [&] {
    return story_
        .Commit({.received = NextNight(),
                 .previous_bytes = 100 * kMiB,
                 .kept_bytes = 99 * kMiB,
                 .reached_bytes = 100 * kMiB})
        .suspicious();
  };
  EXPECT_TRUE(small());
  EXPECT_TRUE(small());
  story_.Release(11);
  EXPECT_EQ(story_.observer().suspect_since(), 12u);
  story_.Release(12);
  EXPECT_EQ(story_.observer().suspect_since(), 0u);
  EXPECT_EQ(story_.observer().suspicion(), "");
  EXPECT_FALSE(small());
}

TEST_F(SuspicionTest, KeyedSetsAreNeverSuspicious) {
  story_.keyed = true;
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(story_
                     .Commit({.received = NextNight(),
                              .new_bytes = kMiB << i % 10,
                              .previous_bytes = 1024 * kMiB,
                              .reached_bytes = kMiB << i % 10})
                     .suspicious());
  }
}

TEST(Extra, WhoComesWeeklyIsNotOrdinaryEveryDay) {
  SetStory story;
  int day = 0;
  for (int week = 0; week < 8; ++week, day += 7) {
    EXPECT_FALSE(story.Ordinary(kStart + day * kDay).extra);
  }
  int ordinary = 0;
  for (int i = 0; i < 14; ++i, ++day) {
    ordinary += !story.Ordinary(kStart + day * kDay).extra;
  }
  EXPECT_LE(ordinary, 3);
}

TEST(Extra, AnotherPaceIsTheUsualOneAfterFourWeeks) {
  SetStory story;
  for (int day = 0; day < 80; ++day) story.Ordinary(kStart + day * kDay);
  int changed = 0;
  for (int day = 80; day < 160; ++day) {
    int extra = 0;
    for (int i = 0; i < 4; ++i) {
      extra += story.Ordinary(kStart + day * kDay + absl::Hours(6 * i)).extra;
    }
    if (extra > 0) changed = day - 80 + 1;
  }
  EXPECT_GE(changed, 28);
  EXPECT_LE(changed, 30);
}

}  // namespace
}  // namespace nightsafe
