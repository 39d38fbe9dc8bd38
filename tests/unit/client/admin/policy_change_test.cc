#include "client/admin/policy_change.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

std::string Error(const std::string& text) {
  const auto parsed = ParseFleetFile(text);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(parsed.status().message());
}

TEST(FleetFile, NamesEveryScope) {
  const auto parsed = ParseFleetFile(
      "vaults:\n"
      "  main:\n"
      "    policy: {keep-daily: 14}\n"
      "    hosts:\n"
      "      web1:\n"
      "        policy: {keep-daily: 30, min-age: 7d}\n"
      "        sets: {db: {keep-hourly: 48}}\n"
      "  other:\n");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_TRUE(parsed->at("other").empty());
  const PolicyTree& tree = parsed->at("main");
  ASSERT_EQ(tree.size(), 3u);
  EXPECT_EQ(tree.at({"", ""}).keep_daily(), 14u);
  EXPECT_EQ(tree.at({"web1", ""}).min_age_s(), 7 * 86400);
  EXPECT_EQ(tree.at({"web1", "db"}).keep_hourly(), 48u);
}

TEST(FleetFile, SaysWhichLineIsWrong) {
  EXPECT_EQ(Error("vaults:\n  main:\n    policy:\n      keep-daily: x\n"),
            "line 4: keep-daily: \"x\" is not a number such as 7 (at most "
            "100000)");
  EXPECT_EQ(Error("vault: {}\n"),
            "line 1: \"vault\" is not known here; there are vaults");
  for (const char* bad :
       {"[]", "a", "vaults: [1]", "vaults: {A B: {}}",
        "vaults: {main: {policy: 7}}", "vaults: {main: {hosts: {web1: 3}}}",
        "vaults: {main: {hosts: {web1: {sets: {../x: {}}}}}}",
        "vaults: {main: {policy: {keep-last: 1, keep-last: 2}}}",
        "vaults: {main: {policy: {keep-last: [1]}}}", "vaults: {", "\t:"}) {
    Error(bad);
  }
  EXPECT_NE(Error("vaults: {main: {policy: {keep-daily: 0, keep-weekly: 0, "
                  "keep-monthly: 0, keep-last: 9}}}")
                .find("push out"),
            std::string::npos);
  EXPECT_TRUE(ParseFleetFile("").ok());
}

TEST(PolicyChange, ComparesRuleByRule) {
  const auto before = ParseFleetFile(
      "vaults: {main: {policy: {keep-daily: 7}, hosts: {web1: "
      "{policy: {keep-last: 3}}}}}");
  const auto after =
      ParseFleetFile("vaults: {main: {policy: {keep-daily: 9, min-age: 1d}}}");
  ASSERT_TRUE(before.ok() && after.ok());
  const auto changes = CompareTrees(before->at("main"), after->at("main"));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].rule, "keep-daily");
  EXPECT_EQ(changes[0].before, "7");
  EXPECT_EQ(changes[0].after, "9");
  EXPECT_EQ(changes[1].before, "");
  EXPECT_EQ(changes[1].after, "1d");
  EXPECT_EQ(changes[2].host, "web1");
  EXPECT_EQ(changes[2].after, "");
  EXPECT_TRUE(CompareTrees(after->at("main"), after->at("main")).empty());
}

PolicyTree TreeOf(const std::string& vault) {
  const auto parsed = ParseFleetFile("vaults: {main: " + vault + "}");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed->at("main");
}

// The server takes no change that leaves a host which keeps nothing by the
// calendar, even for a moment.
TEST(PolicyChange, IsOrderedSoThatEachStepIsValid) {
  constexpr char kOff[] = "keep-monthly: 0, keep-yearly: 0";
  const auto tree = [&](const std::string& vault, const std::string& host) {
    return TreeOf("{policy: {" + vault + ", " + kOff +
                  "}, hosts: {web1: {policy: {keep-last: 3, " + host + "}}}}");
  };
  const PolicyTree daily =
      tree("keep-daily: 7, keep-weekly: 0", "keep-weekly: 0");
  const PolicyTree weekly =
      tree("keep-daily: 0, keep-weekly: 4", "keep-hourly: 1");
  ASSERT_TRUE(ValidateTree(daily).ok() && ValidateTree(weekly).ok());
  using Scopes = std::vector<PolicyTree::key_type>;
  const auto there = OrderChanges(daily, weekly);
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(*there, (Scopes{{"web1", ""}, {"", ""}}));
  const auto back = OrderChanges(weekly, daily);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, (Scopes{{"", ""}, {"web1", ""}}));
  EXPECT_TRUE(OrderChanges(daily, daily)->empty());

  const PolicyTree crossed =
      tree("keep-daily: 0, keep-weekly: 4", "keep-daily: 0");
  ASSERT_TRUE(ValidateTree(crossed).ok());
  const auto stuck = OrderChanges(daily, crossed);
  EXPECT_EQ(stuck.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace nightsafe
