#include "common/retention/policy.h"

#include <gtest/gtest.h>

#include "common/retention/policy_history.h"

namespace nightsafe {
namespace {

using v1::format::Policy;

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

Policy Of(std::initializer_list<std::pair<const char*, const char*>> rules) {
  Policy policy;
  for (const auto& [name, value] : rules) {
    const absl::Status status = SetRule(policy, *RuleOfName(name), value);
    EXPECT_TRUE(status.ok()) << status;
  }
  return policy;
}

TEST(Policy, EveryRuleReadsWhatItShows) {
  for (PolicyRule rule : AllPolicyRules()) {
    ASSERT_TRUE(RuleOfName(RuleName(rule)).ok());
    const std::string shown = RuleValue(RetentionPolicy(), rule);
    Policy policy;
    EXPECT_FALSE(HasRule(policy, rule));
    ASSERT_TRUE(SetRule(policy, rule, shown).ok()) << shown;
    EXPECT_TRUE(HasRule(policy, rule));
    EXPECT_EQ(RuleValue(policy, rule), shown);
    ASSERT_TRUE(SetRule(policy, rule, "off").ok());
    EXPECT_EQ(RuleValue(policy, rule), "0");
    ClearRule(policy, rule);
    EXPECT_FALSE(HasRule(policy, rule));
  }
}

TEST(Policy, ReadsUnits) {
  const Policy policy = Of({{"min-age", "2w"},
                            {"keep-within", "36h"},
                            {"trash-days", "30"},
                            {"quota-bytes", "500G"},
                            {"expected-interval", "90m"}});
  EXPECT_EQ(policy.min_age_s(), 14 * 86400);
  EXPECT_EQ(policy.keep_within_s(), 36 * 3600);
  EXPECT_EQ(policy.trash_s(), 30 * 86400);
  EXPECT_EQ(policy.quota_bytes(), uint64_t{500} << 30);
  EXPECT_EQ(policy.expected_interval_s(), 5400);
  EXPECT_EQ(RuleValue(policy, PolicyRule::kMinAge), "14d");
  EXPECT_EQ(RuleValue(policy, PolicyRule::kTrashDays), "30");
  EXPECT_EQ(RuleValue(policy, PolicyRule::kQuotaBytes), "500G");
}

TEST(Policy, RefusesWhatIsNoValueAndSaysWhatWouldBe) {
  const auto refused = [](const char* name, const char* value) {
    Policy policy;
    const absl::Status status = SetRule(policy, *RuleOfName(name), value);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_FALSE(HasRule(policy, *RuleOfName(name)));
    return std::string(status.message());
  };
  for (const char* bad : {"", "x", "-1", "100001", "7d", "99999999999999999"}) {
    refused("keep-daily", bad);
  }
  for (const char* bad : {"", "d", "7", "-7d", "99999999999999d", "1.5d"}) {
    refused("min-age", bad);
  }
  EXPECT_EQ(refused("min-age", "7"),
            "min-age: \"7\" is not a span such as 36h, 30d, 2w or 0 (at most "
            "73200d)");
  refused("trash-days", "36h");
  refused("quota-bytes", "9999999999T");
  EXPECT_FALSE(RuleOfName("keep-dayly").ok());
}

TEST(Policy, ValidatesWhatAnOrderSays) {
  Policy policy = Of({{"min-age", "1d"}});
  EXPECT_TRUE(ValidatePolicy(policy).ok());
  policy.set_min_age_s(-1);
  EXPECT_FALSE(ValidatePolicy(policy).ok());
  policy.set_min_age_s(INT64_MAX);
  EXPECT_FALSE(ValidatePolicy(policy).ok());
  policy = Policy();
  policy.set_keep_daily(UINT32_MAX);
  EXPECT_FALSE(ValidatePolicy(policy).ok());
}

TEST(Policy, CountsAloneAreNotEnough) {
  RetentionPolicy policy;
  EXPECT_TRUE(ValidateEffective(policy).ok());
  policy.keep_daily = policy.keep_weekly = policy.keep_monthly = 0;
  policy.keep_last = 30;
  policy.keep_hourly = 30;
  EXPECT_FALSE(ValidateEffective(policy).ok());
  policy.keep_within = kDay;
  EXPECT_TRUE(ValidateEffective(policy).ok());
}

TEST(Policy, NearestScopeWins) {
  const Policy vault = Of({{"keep-daily", "10"}, {"keep-weekly", "8"}});
  const Policy host = Of({{"keep-daily", "20"}});
  const Policy set = Of({{"keep-last", "3"}, {"keep-weekly", "off"}});
  const EffectivePolicy merged = Merge(&vault, &host, &set);
  EXPECT_EQ(merged.policy.keep_daily, 20u);
  EXPECT_EQ(merged.From(PolicyRule::kKeepDaily), PolicyScope::kHost);
  EXPECT_EQ(merged.policy.keep_weekly, 0u);
  EXPECT_EQ(merged.From(PolicyRule::kKeepWeekly), PolicyScope::kSet);
  EXPECT_EQ(merged.policy.keep_monthly, 6u);
  EXPECT_EQ(merged.From(PolicyRule::kKeepMonthly), PolicyScope::kDefault);
  EXPECT_EQ(Merge(nullptr, nullptr, nullptr).policy, RetentionPolicy());
}

TEST(PolicyHistory, LoweredFloorWaitsForTheOldOne) {
  PolicyHistory history;
  history.NoteSnapshot(kStart);
  history.Set("", "", Of({{"min-age", "1d"}}), kStart + kDay);
  const auto floor = [&](absl::Duration after) {
    return history.At("web1", "files", kStart + after).effective.policy.min_age;
  };
  EXPECT_EQ(floor(kDay), 14 * kDay);
  EXPECT_EQ(floor(15 * kDay - absl::Seconds(1)), 14 * kDay);
  EXPECT_EQ(floor(15 * kDay), kDay);
  const auto at = history.At("web1", "files", kStart + 2 * kDay);
  EXPECT_EQ(at.pending_min_age, kDay);
  EXPECT_EQ(at.min_age_from, kStart + 15 * kDay);
  EXPECT_EQ(at.trash_from, absl::InfinitePast());
}

TEST(PolicyHistory, LoweringInStepsIsNoQuicker) {
  PolicyHistory history;
  history.NoteSnapshot(kStart);
  history.Set("", "", Of({{"trash-days", "10"}}), kStart + kDay);
  history.Set("web1", "", Of({{"trash-days", "2"}}), kStart + 2 * kDay);
  history.Set("web1", "files", Of({{"trash-days", "0"}}), kStart + 2 * kDay);
  const auto trash = [&](absl::Duration after) {
    return history.At("web1", "files", kStart + after).effective.policy.trash;
  };
  EXPECT_EQ(trash(14 * kDay), 14 * kDay);
  EXPECT_EQ(trash(15 * kDay), absl::ZeroDuration());
  EXPECT_EQ(history.At("web2", "x", kStart + 15 * kDay).effective.policy.trash,
            10 * kDay);
}

TEST(PolicyHistory, RaisedIsInForceAtOnceAndNeverShortened) {
  PolicyHistory history;
  history.NoteSnapshot(kStart);
  history.Set("", "", Of({{"min-age", "30d"}}), kStart + kDay);
  history.Set("", "", Of({{"min-age", "20d"}}), kStart + 2 * kDay);
  const auto floor = [&](absl::Duration after) {
    return history.At("web1", "files", kStart + after).effective.policy.min_age;
  };
  EXPECT_EQ(floor(kDay), 30 * kDay);
  EXPECT_EQ(floor(31 * kDay), 30 * kDay);
  EXPECT_EQ(floor(32 * kDay), 20 * kDay);
}

TEST(PolicyHistory, WhatIsSetBeforeTheFirstSnapshotHoldsAtOnce) {
  PolicyHistory history;
  history.Set("", "", Of({{"min-age", "0"}, {"trash-days", "0"}}), kStart);
  EXPECT_EQ(history.At("web1", "files", kStart).effective.policy.min_age,
            absl::ZeroDuration());
  history.NoteSnapshot(kStart + kDay);
  history.NoteSnapshot(kStart + 2 * kDay);
  EXPECT_EQ(history.At("web1", "files", kStart + kDay).effective.policy.trash,
            absl::ZeroDuration());
}

TEST(PolicyHistory, TellsWhatIsSetWhere) {
  PolicyHistory history;
  EXPECT_TRUE(history.Scopes().empty());
  EXPECT_EQ(history.Find("", ""), nullptr);
  history.Set("web1", "", Of({{"keep-daily", "3"}}), kStart);
  history.Set("", "", Of({{"keep-daily", "4"}}), kStart + kDay);
  history.Set("web1", "", Of({{"keep-daily", "5"}}), kStart + 2 * kDay);
  ASSERT_EQ(history.Scopes().size(), 2u);
  EXPECT_EQ(history.Scopes()[0].host, "");
  EXPECT_EQ(history.Scopes()[1].since, kStart + 2 * kDay);
  EXPECT_EQ(history.Find("web1", "")->keep_daily(), 5u);
  EXPECT_EQ(history.At("web1", "", kStart + kDay).effective.policy.keep_daily,
            3u);
}

}  // namespace
}  // namespace nightsafe
