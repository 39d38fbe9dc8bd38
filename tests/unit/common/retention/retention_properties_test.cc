// What holds of every plan, tried on random lives of sets.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/common/retention/set_story.h"

namespace nightsafe {
namespace {

using Sequences = std::set<uint64_t>;

class RetentionProperties : public testing::TestWithParam<int> {
 protected:
  RetentionProperties() : random_(static_cast<uint64_t>(GetParam())) {}

  int64_t Below(int64_t n) {
    return std::uniform_int_distribution<int64_t>(0, n - 1)(random_);
  }
  uint32_t Count(int64_t n) { return static_cast<uint32_t>(Below(n)); }

  RetentionPolicy RandomPolicy() {
    RetentionPolicy policy;
    policy.keep_last = Count(2) * Count(30);
    policy.keep_hourly = Count(2) * Count(48);
    policy.keep_daily = Count(15);
    policy.keep_weekly = Count(8);
    policy.keep_monthly = Count(12);
    policy.keep_yearly = Count(3);
    policy.keep_within = Below(2) * Below(40) * kDay;
    policy.min_age = Below(30) * kDay;
    return policy;
  }

  // Some months of a set that has a pace of its own, with days left out.
  void Live(SetStory& story, absl::Time& now) {
    const int64_t pace_h = std::array<int64_t, 5>{
        1, 6, 24, 24, 168}[static_cast<size_t>(Below(5))];
    const int64_t steps = 40 + Below(24 * 90 / pace_h);
    for (int64_t i = 0; i < steps; ++i) {
      now += absl::Hours(pace_h) + absl::Minutes(Below(20));
      if (Below(15) != 0) story.Ordinary(now);
    }
  }

  std::mt19937_64 random_;
};

TEST_P(RetentionProperties, NothingYoungerThanTheFloorGoes) {
  SetStory story;
  absl::Time now = kStart;
  Live(story, now);
  const RetentionPolicy policy = RandomPolicy();
  const Sequences kept = story.Kept(policy, now);
  for (const LiveSnapshot& snapshot : story.live()) {
    if (now - snapshot.received < policy.min_age) {
      EXPECT_TRUE(kept.contains(snapshot.sequence));
    }
  }
  EXPECT_TRUE(kept.contains(story.live().back().sequence));
}

TEST_P(RetentionProperties, MorePolicyKeepsMore) {
  SetStory story;
  absl::Time now = kStart;
  Live(story, now);
  const RetentionPolicy policy = RandomPolicy();
  RetentionPolicy more = policy;
  more.keep_last += Count(5);
  more.keep_hourly += Count(5);
  more.keep_daily += Count(5);
  more.keep_weekly += Count(5);
  more.keep_monthly += Count(5);
  more.keep_yearly += Count(2);
  more.keep_within += Below(10) * kDay;
  more.min_age += Below(10) * kDay;
  const Sequences less_kept = story.Kept(policy, now);
  const Sequences more_kept = story.Kept(more, now);
  EXPECT_TRUE(std::includes(more_kept.begin(), more_kept.end(),
                            less_kept.begin(), less_kept.end()));
}

TEST_P(RetentionProperties, PruningEveryDayIsNoWorseThanOnceAtTheEnd) {
  const RetentionPolicy policy = RandomPolicy();
  SetStory pruned;
  SetStory whole;
  absl::Time now = kStart;
  const int64_t pace_h = 1 + Below(30);
  for (int64_t i = 0; i < 300; ++i) {
    now += absl::Hours(pace_h) + absl::Minutes(Below(90));
    pruned.Ordinary(now);
    whole.Ordinary(now);
    pruned.Prune(policy, now);
  }
  const Sequences once = whole.Kept(policy, now);
  const Sequences daily = pruned.Kept(policy, now);
  EXPECT_TRUE(
      std::includes(daily.begin(), daily.end(), once.begin(), once.end()));
}

TEST_P(RetentionProperties, AFloodInTheOpenBucketsDisplacesNothing) {
  SetStory story;
  absl::Time now = kStart;
  Live(story, now);
  const absl::Time next_day =
      absl::FromUnixSeconds((absl::ToUnixSeconds(now) / 86400 + 1) * 86400);
  const RetentionPolicy policy = RandomPolicy();
  const uint64_t clean = story.sequence();
  SetStory flooded = story;
  const int64_t count = 1 + Below(48);
  for (int64_t i = 0; i < count && now < next_day; ++i) {
    now += absl::Seconds(1 + Below(1000));
    if (now < next_day) flooded.Ordinary(now);
  }
  // Judged in the open bucket, and after it has closed.
  for (const absl::Time when :
       {now, next_day, next_day + 30 * kDay, next_day + 300 * kDay}) {
    const Sequences before = story.Kept(policy, when);
    const Sequences after = flooded.Kept(policy, when);
    for (uint64_t sequence : before) {
      EXPECT_TRUE(after.contains(sequence) ||
                  // The set's own pace had room for one more that day.
                  !flooded.live()[clean].extra)
          << sequence << " of " << clean << " at " << when;
    }
  }
}

TEST_P(RetentionProperties, WhatIsInDoubtDisplacesNothingEver) {
  SetStory story;
  absl::Time now = kStart;
  Live(story, now);
  const RetentionPolicy policy = RandomPolicy();
  SetStory attacked = story;
  absl::Time at = now + absl::Hours(1);
  ASSERT_TRUE(attacked
                  .Commit({.received = at,
                           .previous_bytes = 1024 * kMiB,
                           .reached_bytes = 1 << 10})
                  .suspicious());
  for (int64_t i = Below(200); i > 0; --i) {
    at += absl::Minutes(Below(60 * 24));
    attacked.Ordinary(at);
  }
  const Sequences before = story.Kept(policy, at);
  const Sequences after = attacked.Kept(policy, at);
  EXPECT_TRUE(
      std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RetentionProperties, testing::Range(1, 201));

}  // namespace
}  // namespace nightsafe
