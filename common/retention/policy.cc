#include "common/retention/policy.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

using google::protobuf::FieldDescriptor;
using v1::format::Policy;

constexpr int64_t kDay = 24 * 3600;
constexpr int64_t kMaxSpan = 200 * 366 * kDay;
constexpr uint32_t kMaxCount = 100'000;

enum class Kind { kCount, kSpan, kDays, kBytes, kObjects };

struct Rule {
  absl::string_view name;
  int field;
  Kind kind;
};

// By PolicyRule.
constexpr std::array<Rule, kPolicyRules> kRules = {{
    {"keep-last", Policy::kKeepLastFieldNumber, Kind::kCount},
    {"keep-hourly", Policy::kKeepHourlyFieldNumber, Kind::kCount},
    {"keep-daily", Policy::kKeepDailyFieldNumber, Kind::kCount},
    {"keep-weekly", Policy::kKeepWeeklyFieldNumber, Kind::kCount},
    {"keep-monthly", Policy::kKeepMonthlyFieldNumber, Kind::kCount},
    {"keep-yearly", Policy::kKeepYearlyFieldNumber, Kind::kCount},
    {"keep-within", Policy::kKeepWithinSFieldNumber, Kind::kSpan},
    {"min-age", Policy::kMinAgeSFieldNumber, Kind::kSpan},
    {"trash-days", Policy::kTrashSFieldNumber, Kind::kDays},
    {"max-snapshots-per-day", Policy::kMaxSnapshotsPerDayFieldNumber,
     Kind::kCount},
    {"quota-bytes", Policy::kQuotaBytesFieldNumber, Kind::kBytes},
    {"quota-objects", Policy::kQuotaObjectsFieldNumber, Kind::kObjects},
    {"expected-interval", Policy::kExpectedIntervalSFieldNumber, Kind::kSpan},
}};

const Rule& RuleOf(PolicyRule rule) {
  return kRules[static_cast<size_t>(rule)];
}

const FieldDescriptor& FieldOf(PolicyRule rule) {
  return *Policy::descriptor()->FindFieldByNumber(RuleOf(rule).field);
}

// Fits: no rule passes the range of its field and of int64.
int64_t Number(const Policy& policy, PolicyRule rule) {
  const FieldDescriptor& field = FieldOf(rule);
  const auto& reflection = *policy.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(policy, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<int64_t>(
          std::min<uint64_t>(reflection.GetUInt64(policy, &field),
                             std::numeric_limits<int64_t>::max()));
    default:
      return reflection.GetInt64(policy, &field);
  }
}

void SetNumber(Policy& policy, PolicyRule rule, int64_t value) {
  const FieldDescriptor& field = FieldOf(rule);
  const auto& reflection = *policy.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      reflection.SetUInt32(&policy, &field, static_cast<uint32_t>(value));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      reflection.SetUInt64(&policy, &field, static_cast<uint64_t>(value));
      break;
    default:
      reflection.SetInt64(&policy, &field, value);
  }
}

struct Unit {
  char letter;
  int64_t size;
};
constexpr std::array<Unit, 6> kSpanUnits = {{{'y', 365 * kDay},
                                             {'w', 7 * kDay},
                                             {'d', kDay},
                                             {'h', 3600},
                                             {'m', 60},
                                             {'s', 1}}};
constexpr std::array<Unit, 4> kByteUnits = {{{'T', int64_t{1} << 40},
                                             {'G', int64_t{1} << 30},
                                             {'M', 1 << 20},
                                             {'K', 1 << 10}}};

// "30d": a number and one unit, or 0 alone. -1: neither, or too large.
template <size_t N>
int64_t ParseUnits(absl::string_view text, const std::array<Unit, N>& units,
                   int64_t without) {
  int64_t size = without;
  for (const Unit& unit : units) {
    if (text.empty() || text.back() != unit.letter) continue;
    size = unit.size;
    text.remove_suffix(1);
    break;
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 0) return -1;
  if (number == 0) return 0;
  if (size == 0 || number > std::numeric_limits<int64_t>::max() / size) {
    return -1;
  }
  return number * size;
}

template <size_t N>
std::string ShowUnits(int64_t value, const std::array<Unit, N>& units,
                      absl::string_view without) {
  if (value == 0) return "0";
  for (const Unit& unit : units) {
    // Years and weeks are read, not shown: "14d" is what people write.
    if (unit.letter == 'y' || unit.letter == 'w') continue;
    if (value % unit.size == 0) {
      return absl::StrCat(value / unit.size, std::string(1, unit.letter));
    }
  }
  return absl::StrCat(value, without);
}

int64_t ParseNumber(absl::string_view text, Kind kind) {
  if (text == "off") return 0;
  switch (kind) {
    case Kind::kSpan:
      return ParseUnits(text, kSpanUnits, 0);
    case Kind::kDays: {
      const int64_t span = ParseUnits(text, kSpanUnits, kDay);
      return span % kDay == 0 ? span : -1;
    }
    case Kind::kBytes:
      return ParseUnits(text, kByteUnits, 1);
    case Kind::kCount:
    case Kind::kObjects:
      break;
  }
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : -1;
}

std::string ShowNumber(int64_t value, Kind kind) {
  switch (kind) {
    case Kind::kSpan:
      return ShowUnits(value, kSpanUnits, "s");
    case Kind::kDays:
      return value % kDay == 0 ? absl::StrCat(value / kDay)
                               : ShowUnits(value, kSpanUnits, "s");
    case Kind::kBytes:
      return ShowUnits(value, kByteUnits, "");
    case Kind::kCount:
    case Kind::kObjects:
      break;
  }
  return absl::StrCat(value);
}

absl::string_view Expected(Kind kind) {
  switch (kind) {
    case Kind::kSpan:
      return "a span such as 36h, 30d, 2w or 0";
    case Kind::kDays:
      return "a number of days such as 14";
    case Kind::kBytes:
      return "a number of bytes such as 500G";
    case Kind::kCount:
    case Kind::kObjects:
      break;
  }
  return "a number such as 7";
}

int64_t MaxOf(Kind kind) {
  switch (kind) {
    case Kind::kCount:
      return kMaxCount;
    case Kind::kSpan:
    case Kind::kDays:
      return kMaxSpan;
    case Kind::kBytes:
    case Kind::kObjects:
      break;
  }
  return std::numeric_limits<int64_t>::max();
}

absl::Status CheckNumber(PolicyRule rule, int64_t value) {
  const Kind kind = RuleOf(rule).kind;
  if (value >= 0 && value <= MaxOf(kind)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(RuleName(rule), " is ", value, ", allowed are 0 to ",
                   ShowNumber(MaxOf(kind), kind)));
}

Policy ToProto(const RetentionPolicy& from) {
  Policy policy;
  policy.set_keep_last(from.keep_last);
  policy.set_keep_hourly(from.keep_hourly);
  policy.set_keep_daily(from.keep_daily);
  policy.set_keep_weekly(from.keep_weekly);
  policy.set_keep_monthly(from.keep_monthly);
  policy.set_keep_yearly(from.keep_yearly);
  policy.set_keep_within_s(absl::ToInt64Seconds(from.keep_within));
  policy.set_min_age_s(absl::ToInt64Seconds(from.min_age));
  policy.set_trash_s(absl::ToInt64Seconds(from.trash));
  policy.set_max_snapshots_per_day(from.max_snapshots_per_day);
  policy.set_quota_bytes(from.quota_bytes);
  policy.set_quota_objects(from.quota_objects);
  policy.set_expected_interval_s(absl::ToInt64Seconds(from.expected_interval));
  return policy;
}

RetentionPolicy FromProto(const Policy& from) {
  return {.keep_last = from.keep_last(),
          .keep_hourly = from.keep_hourly(),
          .keep_daily = from.keep_daily(),
          .keep_weekly = from.keep_weekly(),
          .keep_monthly = from.keep_monthly(),
          .keep_yearly = from.keep_yearly(),
          .keep_within = absl::Seconds(from.keep_within_s()),
          .min_age = absl::Seconds(from.min_age_s()),
          .trash = absl::Seconds(from.trash_s()),
          .max_snapshots_per_day = from.max_snapshots_per_day(),
          .quota_bytes = from.quota_bytes(),
          .quota_objects = from.quota_objects(),
          .expected_interval = absl::Seconds(from.expected_interval_s())};
}

}  // namespace

const std::array<PolicyRule, kPolicyRules>& AllPolicyRules() {
  static constexpr auto kAll = [] {
    std::array<PolicyRule, kPolicyRules> all{};
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<PolicyRule>(i);
    return all;
  }();
  return kAll;
}

absl::string_view RuleName(PolicyRule rule) { return RuleOf(rule).name; }

absl::StatusOr<PolicyRule> RuleOfName(absl::string_view name) {
  for (PolicyRule rule : AllPolicyRules()) {
    if (RuleName(rule) == name) return rule;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no rule of a policy; there are ",
                   absl::StrJoin(AllPolicyRules(), ", ",
                                 [](std::string* out, PolicyRule rule) {
                                   absl::StrAppend(out, RuleName(rule));
                                 })));
}

bool HasRule(const Policy& policy, PolicyRule rule) {
  return policy.GetReflection()->HasField(policy, &FieldOf(rule));
}

void ClearRule(Policy& policy, PolicyRule rule) {
  policy.GetReflection()->ClearField(&policy, &FieldOf(rule));
}

absl::Status SetRule(Policy& policy, PolicyRule rule, absl::string_view value) {
  const Kind kind = RuleOf(rule).kind;
  const int64_t number = ParseNumber(absl::StripAsciiWhitespace(value), kind);
  if (number < 0 || number > MaxOf(kind)) {
    return absl::InvalidArgumentError(absl::StrCat(
        RuleName(rule), ": \"", value, "\" is not ", Expected(kind),
        kind == Kind::kBytes || kind == Kind::kObjects
            ? ""
            : absl::StrCat(" (at most ", ShowNumber(MaxOf(kind), kind), ")")));
  }
  SetNumber(policy, rule, number);
  return absl::OkStatus();
}

std::string RuleValue(const Policy& policy, PolicyRule rule) {
  return ShowNumber(Number(policy, rule), RuleOf(rule).kind);
}

std::string RuleValue(const RetentionPolicy& policy, PolicyRule rule) {
  return RuleValue(ToProto(policy), rule);
}

absl::Status ValidatePolicy(const Policy& policy) {
  for (PolicyRule rule : AllPolicyRules()) {
    if (!HasRule(policy, rule)) continue;
    NS_RETURN_IF_ERROR(CheckNumber(rule, Number(policy, rule)));
  }
  return absl::OkStatus();
}

absl::Status ValidateEffective(const RetentionPolicy& policy) {
  if (policy.keep_daily > 0 || policy.keep_weekly > 0 ||
      policy.keep_monthly > 0 || policy.keep_yearly > 0 ||
      policy.keep_within > absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the policy keeps nothing by the calendar: a host could push out every "
      "good snapshot by making many. Set keep-daily, keep-weekly, "
      "keep-monthly, keep-yearly or keep-within too");
}

absl::string_view ScopeName(PolicyScope scope) {
  switch (scope) {
    case PolicyScope::kDefault:
      return "default";
    case PolicyScope::kVault:
      return "vault";
    case PolicyScope::kHost:
      return "host";
    case PolicyScope::kSet:
      break;
  }
  return "set";
}

EffectivePolicy Merge(const Policy* vault, const Policy* host,
                      const Policy* set) {
  Policy merged = ToProto(RetentionPolicy());
  EffectivePolicy result;
  const std::array<std::pair<const Policy*, PolicyScope>, 3> scopes = {
      {{vault, PolicyScope::kVault},
       {host, PolicyScope::kHost},
       {set, PolicyScope::kSet}}};
  for (const auto& [policy, scope] : scopes) {
    if (policy == nullptr) continue;
    merged.MergeFrom(*policy);
    for (PolicyRule rule : AllPolicyRules()) {
      if (HasRule(*policy, rule)) {
        result.from[static_cast<size_t>(rule)] = scope;
      }
    }
  }
  result.policy = FromProto(merged);
  return result;
}

}  // namespace nightsafe
