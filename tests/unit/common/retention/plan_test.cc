#include "common/retention/plan.h"

#include <gtest/gtest.h>

#include <chrono>

#include "common/retention/clock_watch.h"
#include "tests/unit/common/retention/set_story.h"

namespace nightsafe {
namespace {

using Sequences = std::set<uint64_t>;

TEST(Plan, ClosedBucketsKeepTheirLast) {
  SetStory story;
  for (int hour : {0, 2, 23, 24, 47, 49}) {
    story.Ordinary(kStart + absl::Hours(hour));
  }
  RetentionPolicy policy = Nothing();
  policy.keep_daily = 2;
  // The third day is over: its only one, and the last of the second.
  EXPECT_EQ(story.Kept(policy, kStart + 4 * kDay), (Sequences{5, 6}));
  policy.keep_daily = 3;
  EXPECT_EQ(story.Kept(policy, kStart + 4 * kDay), (Sequences{3, 5, 6}));
}

TEST(Plan, PresentBucketKeepsItsFirstAndItsLast) {
  SetStory story;
  for (int hour : {1, 2, 3, 4}) story.Ordinary(kStart + absl::Hours(hour));
  RetentionPolicy policy = Nothing();
  policy.keep_daily = 7;
  EXPECT_EQ(story.Kept(policy, kStart + absl::Hours(5)), (Sequences{1, 4}));
  EXPECT_EQ(story.Kept(policy, kStart + absl::Hours(25)), (Sequences{4}));
}

TEST(Plan, DefaultKeepsSevenDaysFourWeeksSixMonths) {
  SetStory story;
  for (int day = 0; day < 400; ++day) {
    story.Ordinary(kStart + day * kDay + absl::Hours(2));
  }
  const absl::Time now = kStart + 399 * kDay + absl::Hours(12);
  RetentionPolicy policy;
  policy.min_age = absl::ZeroDuration();
  const SetPlan plan = PlanSet(story.history(policy), now);
  std::map<Keep, int> reasons;
  for (const Decision& one : plan.decisions) {
    for (const Reason& reason : one.reasons) {
      reasons[reason.keep] += reason.part == Reason::Part::kLast;
    }
  }
  EXPECT_EQ(reasons[Keep::kDaily], 7);
  EXPECT_EQ(reasons[Keep::kWeekly], 4);
  EXPECT_EQ(reasons[Keep::kMonthly], 6);
  EXPECT_EQ(reasons[Keep::kNewest], 1);
  policy.min_age = 14 * kDay;
  // Of the weeks one is outside of the floor, of the months four.
  EXPECT_EQ(story.Kept(policy, now).size(), 14u + 1 + 4);
}

TEST(Plan, NewestStaysWhateverThePolicySays) {
  SetStory story;
  story.Ordinary(kStart);
  story.Ordinary(kStart + kDay);
  EXPECT_EQ(story.Kept(Nothing(), kStart + 4000 * kDay), (Sequences{2}));
  EXPECT_TRUE(SetStory().Kept(Nothing(), kStart).empty());
}

TEST(Plan, WeeksBeginOnMonday) {
  SetStory story;
  // Wednesday to the Tuesday after next.
  for (int day = 0; day < 14; ++day) story.Ordinary(kStart + day * kDay);
  RetentionPolicy policy = Nothing();
  policy.keep_weekly = 3;
  EXPECT_EQ(story.Kept(policy, kStart + 40 * kDay), (Sequences{5, 12, 14}));
}

TEST(Plan, SuspiciousOneNeverTakesThePlaceOfACleanOne) {
  SetStory story;
  for (int day = 0; day < 10; ++day) {
    story.Ordinary(kStart + day * kDay + absl::Hours(2));
  }
  // Everything encrypted, at the end of the tenth day.
  const Observation seen =
      story.Commit({.received = kStart + 9 * kDay + absl::Hours(23),
                    .new_bytes = 1024 * kMiB,
                    .previous_bytes = 1024 * kMiB,
                    .kept_bytes = kMiB,
                    .reached_bytes = 1024 * kMiB});
  EXPECT_TRUE(seen.suspicious());
  // In doubt as well, though it keeps all of that one.
  story.Ordinary(kStart + 10 * kDay + absl::Hours(2));
  RetentionPolicy policy = Nothing();
  policy.keep_daily = 1;
  const absl::Time later = kStart + 20 * kDay;
  EXPECT_EQ(story.Kept(policy, later), (Sequences{10, 11, 12}));
  policy.keep_daily = 2;
  EXPECT_EQ(story.Kept(policy, later), (Sequences{9, 10, 11, 12}));
  story.Release(12);
  EXPECT_EQ(story.Kept(policy, later), (Sequences{10, 11, 12}));
}

TEST(Plan, LocksAndHoldsKeepEverything) {
  SetStory story;
  for (int day = 0; day < 5; ++day) story.Ordinary(kStart + day * kDay);
  SetHistory history = story.history(Nothing());
  const absl::Time now = kStart + 30 * kDay;
  EXPECT_EQ(PlanSet(history, now).expiring(), 4u);
  history.held = true;
  EXPECT_EQ(PlanSet(history, now).expiring(), 0u);
  history.held = false;
  history.locked_until = now + absl::Nanoseconds(1);
  EXPECT_EQ(PlanSet(history, now).expiring(), 0u);
  history.locked_until = now;
  EXPECT_EQ(PlanSet(history, now).expiring(), 4u);
}

TEST(Plan, WhatWasBroughtBackHasAFloorOfItsOwn) {
  SetStory story;
  for (int day = 0; day < 3; ++day) story.Ordinary(kStart + day * kDay);
  RetentionPolicy policy = Nothing();
  policy.min_age = 10 * kDay;
  story.live()[0].undeleted = kStart + 100 * kDay;
  EXPECT_EQ(story.Kept(policy, kStart + 109 * kDay), (Sequences{1, 3}));
  EXPECT_EQ(story.Kept(policy, kStart + 110 * kDay), (Sequences{3}));
}

TEST(Plan, SaysWhy) {
  SetStory story;
  for (int hour : {1, 2, 3, 26}) story.Ordinary(kStart + absl::Hours(hour));
  RetentionPolicy policy = Nothing();
  policy.keep_last = 1;
  policy.keep_daily = policy.keep_weekly = 2;
  policy.keep_within = absl::Hours(26);
  policy.min_age = absl::Hours(24);
  const SetPlan plan = PlanSet(story.history(policy), kStart + absl::Hours(28));
  ASSERT_EQ(plan.decisions.size(), 4u);
  EXPECT_EQ(ReasonText(plan.decisions[0], policy), "first of 2023-W44");
  EXPECT_EQ(ReasonText(plan.decisions[1], policy), "");
  EXPECT_EQ(ReasonText(plan.decisions[2], policy),
            "last of 2023-11-01, within 26h");
  EXPECT_EQ(ReasonText(plan.decisions[3], policy),
            "newest, one of the last, last of 2023-11-02, last of 2023-W44, "
            "within 26h, younger than 1d");
}

TEST(Plan, RefusesToLetMoreThanHalfGo) {
  SetStory story;
  for (int day = 0; day < 10; ++day) story.Ordinary(kStart + day * kDay);
  RetentionPolicy policy = Nothing();
  policy.keep_daily = 5;
  const auto plan = [&](const std::string& doubt) {
    return PlanHost({.host = "web1", .sets = {story.history(policy)}},
                    kStart + 40 * kDay, doubt);
  };
  EXPECT_TRUE(plan("").refusals.empty());
  EXPECT_EQ(plan("").expiring(), 5u);
  EXPECT_EQ(plan("").ExpiringIds().size(), 5u);
  policy.keep_daily = 4;
  ASSERT_EQ(plan("").refusals.size(), 1u);
  EXPECT_EQ(plan("").refusals[0].kind, Refusal::Kind::kLargeShare);
  EXPECT_EQ(plan("").refusals[0].message,
            "6 of 10 snapshots of web1 would go, more than half. If that is "
            "meant: `nightsafe-admin prune --override web1`");
  ASSERT_EQ(plan("clock").refusals.size(), 2u);
  EXPECT_EQ(plan("clock").refusals[0].message, "clock");
}

TEST(Plan, RefusesUntilSuspicionIsReleased) {
  SetStory story;
  for (int day = 0; day < 20; ++day) story.Ordinary(kStart + day * kDay);
  story.Commit({.received = kStart + 20 * kDay,
                .previous_bytes = 1024 * kMiB,
                .reached_bytes = 1024});
  RetentionPolicy policy;
  policy.keep_daily = 30;
  const auto plan = [&] {
    return PlanHost(
        {.host = "web1",
         .sets = {SetStory("etc").history(Nothing()), story.history(policy)}},
        kStart + 40 * kDay, "");
  };
  ASSERT_EQ(plan().refusals.size(), 1u);
  EXPECT_EQ(plan().refusals[0].kind, Refusal::Kind::kSuspicious);
  EXPECT_NE(plan().refusals[0].message.find("web1/files: snapshot 21"),
            std::string::npos);
  story.Release(21);
  EXPECT_TRUE(plan().refusals.empty());
}

TEST(Plan, FiveThousandSnapshotsTakeMilliseconds) {
  SetStory story;
  for (int hour = 0; hour < 5000; ++hour) {
    story.Ordinary(kStart + absl::Hours(hour));
  }
  RetentionPolicy policy;
  policy.keep_hourly = 48;
  policy.keep_yearly = 3;
  const SetHistory history = story.history(policy);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_GT(PlanSet(history, kStart + absl::Hours(5001)).expiring(), 4000u);
  const auto took = std::chrono::steady_clock::now() - begin;
  const auto us =
      std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  std::printf("plan of 5000 snapshots: %lld us\n", static_cast<long long>(us));
  EXPECT_LT(us, 500'000);  // sanitizers, and a busy machine
}

TEST(ClockWatch, DoubtsJumpsUntilAnOrderConfirms) {
  ClockWatch watch;
  EXPECT_EQ(watch.Doubt(kStart), "");
  watch.Observe(kStart);
  EXPECT_EQ(watch.Doubt(kStart + absl::Hours(36)), "");
  EXPECT_NE(watch.Doubt(kStart + absl::Hours(37)), "");
  EXPECT_NE(watch.Doubt(kStart - absl::Seconds(1)), "");
  // A commit in the year to come does not make it right.
  const absl::Time year = kStart + 365 * kDay;
  watch.Observe(year);
  watch.Observe(year + absl::Hours(1));
  EXPECT_NE(watch.Doubt(year + absl::Hours(1)), "");
  watch.Confirm(year + absl::Hours(2), kStart + absl::Hours(2));
  EXPECT_NE(watch.Doubt(year + absl::Hours(2)), "");
  watch.Confirm(year + absl::Hours(2), year + absl::Hours(2));
  EXPECT_EQ(watch.Doubt(year + absl::Hours(2)), "");
}

}  // namespace
}  // namespace nightsafe
