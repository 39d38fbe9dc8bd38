// What a policy says: how long the snapshots of a set stay, and the limits of a
// host.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nightsafe/v1/format/policy.pb.h"

namespace nightsafe {

// A policy with every rule set. What is written here is in force where nobody
// set anything.
struct RetentionPolicy {
  uint32_t keep_last = 0;
  uint32_t keep_hourly = 0;
  uint32_t keep_daily = 7;
  uint32_t keep_weekly = 4;
  uint32_t keep_monthly = 6;
  uint32_t keep_yearly = 0;
  absl::Duration keep_within = absl::ZeroDuration();
  // The floor: nothing younger expires.
  absl::Duration min_age = absl::Hours(24 * 14);
  // How long what expired can be brought back.
  absl::Duration trash = absl::Hours(24 * 14);
  uint32_t max_snapshots_per_day = 48;                 // of one set
  uint64_t quota_bytes = 0;                            // of one host; 0: none
  uint64_t quota_objects = 0;                          // of one host; 0: none
  absl::Duration expected_interval = absl::Hours(24);  // 0: not expected

  friend bool operator==(const RetentionPolicy&,
                         const RetentionPolicy&) = default;
};

enum class PolicyRule {
  kKeepLast,
  kKeepHourly,
  kKeepDaily,
  kKeepWeekly,
  kKeepMonthly,
  kKeepYearly,
  kKeepWithin,
  kMinAge,
  kTrashDays,
  kMaxSnapshotsPerDay,
  kQuotaBytes,
  kQuotaObjects,
  kExpectedInterval,
};
inline constexpr size_t kPolicyRules = 13;
// In the order in which a person reads them.
const std::array<PolicyRule, kPolicyRules>& AllPolicyRules();

// "keep-daily", "min-age", "trash-days" …: as on the command line and in files.
absl::string_view RuleName(PolicyRule rule);
// INVALID_ARGUMENT lists the names there are.
absl::StatusOr<PolicyRule> RuleOfName(absl::string_view name);

bool HasRule(const v1::format::Policy& policy, PolicyRule rule);
void ClearRule(v1::format::Policy& policy, PolicyRule rule);
// Counts: "7". Spans: "30d", "36h", "2w", "0". Days: "14" or a span of whole
// days. Bytes: "500G" (units of 1024). "off" is 0. INVALID_ARGUMENT says what
// would be right.
absl::Status SetRule(v1::format::Policy& policy, PolicyRule rule,
                     absl::string_view value);
// As SetRule reads it; of rules that are set.
std::string RuleValue(const v1::format::Policy& policy, PolicyRule rule);
std::string RuleValue(const RetentionPolicy& policy, PolicyRule rule);

// OK if the policy may be set for a scope: limits of every rule. What it leaves
// to its parents is not judged.
absl::Status ValidatePolicy(const v1::format::Policy& policy);
// OK if what is in force keeps snapshots that a host cannot push out by making
// more of them: a rule of days or longer, or keep-within.
absl::Status ValidateEffective(const RetentionPolicy& policy);

enum class PolicyScope { kDefault, kVault, kHost, kSet };
// "default", "vault", "host", "set".
absl::string_view ScopeName(PolicyScope scope);

struct EffectivePolicy {
  RetentionPolicy policy;
  std::array<PolicyScope, kPolicyRules> from{};  // by PolicyRule

  PolicyScope From(PolicyRule rule) const {
    return from[static_cast<size_t>(rule)];
  }
};
// The nearest scope that sets a rule wins. Each may be null.
EffectivePolicy Merge(const v1::format::Policy* vault,
                      const v1::format::Policy* host,
                      const v1::format::Policy* set);

}  // namespace nightsafe
