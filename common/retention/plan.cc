#include "common/retention/plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"

namespace nightsafe {
namespace {

// Where a bucket begins, in seconds of UTC: one number is the bucket.
int64_t BucketOf(Keep rule, absl::Time time) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::CivilSecond second = absl::ToCivilSecond(time, utc);
  const absl::CivilDay day(second);
  const auto number = [](const auto& civil) {
    return absl::CivilSecond(civil) - absl::CivilSecond();
  };
  switch (rule) {
    case Keep::kHourly:
      return number(absl::CivilHour(second));
    case Keep::kWeekly:
      return number(absl::PrevWeekday(day + 1, absl::Weekday::monday));
    case Keep::kMonthly:
      return number(absl::CivilMonth(second));
    case Keep::kYearly:
      return number(absl::CivilYear(second));
    default:
      return number(day);
  }
}

std::string BucketName(Keep rule, absl::Time time) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  switch (rule) {
    case Keep::kHourly:
      return absl::FormatTime("%Y-%m-%d %Hh", time, utc);
    case Keep::kWeekly:
      return absl::FormatTime("%G-W%V", time, utc);
    case Keep::kMonthly:
      return absl::FormatTime("%Y-%m", time, utc);
    case Keep::kYearly:
      return absl::FormatTime("%Y", time, utc);
    default:
      return absl::FormatTime("%Y-%m-%d", time, utc);
  }
}

class SetPlanner {
 public:
  SetPlanner(const SetHistory& history, absl::Time now)
      : history_(history), now_(now) {
    for (const LiveSnapshot& snapshot : history.live) {
      decisions_.push_back({.snapshot = snapshot, .reasons = {}});
    }
  }

  std::vector<Decision> Plan() && {
    KeepNewest();
    KeepLast();
    const RetentionPolicy& policy = history_.policy;
    KeepBuckets(Keep::kHourly, policy.keep_hourly);
    KeepBuckets(Keep::kDaily, policy.keep_daily);
    KeepBuckets(Keep::kWeekly, policy.keep_weekly);
    KeepBuckets(Keep::kMonthly, policy.keep_monthly);
    KeepBuckets(Keep::kYearly, policy.keep_yearly);
    for (Decision& decision : decisions_) KeepByItself(decision);
    return std::move(decisions_);
  }

 private:
  bool InDoubt(const LiveSnapshot& snapshot) const {
    return history_.suspect_since != 0 &&
           snapshot.sequence >= history_.suspect_since;
  }
  bool Ordinary(const Decision& decision) const {
    return !decision.snapshot.extra && !InDoubt(decision.snapshot);
  }

  void KeepNewest() {
    if (decisions_.empty()) return;
    decisions_.back().reasons.push_back({Keep::kNewest});
    const auto ordinary =
        std::find_if(decisions_.rbegin(), decisions_.rend(),
                     [&](const Decision& one) { return Ordinary(one); });
    if (ordinary != decisions_.rend() && ordinary != decisions_.rbegin()) {
      ordinary->reasons.push_back({Keep::kNewest});
    }
  }

  void KeepLast() {
    uint32_t taken = 0;
    for (auto one = decisions_.rbegin();
         one != decisions_.rend() && taken < history_.policy.keep_last; ++one) {
      const bool ordinary = Ordinary(*one);
      one->reasons.push_back({Keep::kLast, ordinary ? Reason::Part::kLast
                                                    : Reason::Part::kBeside});
      taken += ordinary;
    }
  }

  // Only buckets with an ordinary snapshot count.
  void KeepBuckets(Keep rule, uint32_t count) {
    const int64_t open = BucketOf(rule, now_);
    size_t end = decisions_.size();
    for (uint32_t taken = 0; end > 0 && taken < count;) {
      const int64_t bucket =
          BucketOf(rule, decisions_[end - 1].snapshot.received);
      size_t begin = end;
      size_t ordinary = end;  // none
      while (begin > 0 &&
             BucketOf(rule, decisions_[begin - 1].snapshot.received) ==
                 bucket) {
        --begin;
        if (ordinary == end && Ordinary(decisions_[begin])) ordinary = begin;
      }
      KeepBucket(rule, begin, end, ordinary, bucket == open);
      taken += ordinary != end;
      end = begin;
    }
  }

  // Decisions begin to end, of which `ordinary` is the last ordinary one; end
  // if there is none.
  void KeepBucket(Keep rule, size_t begin, size_t end, size_t ordinary,
                  bool open) {
    if (ordinary != end) {
      decisions_[ordinary].reasons.push_back({rule, Reason::Part::kLast});
    }
    if (ordinary != end - 1) {
      decisions_[end - 1].reasons.push_back({rule, Reason::Part::kBeside});
    }
    if (open && begin != ordinary && begin != end - 1) {
      decisions_[begin].reasons.push_back({rule, Reason::Part::kFirst});
    }
  }

  void KeepByItself(Decision& decision) const {
    const LiveSnapshot& snapshot = decision.snapshot;
    const RetentionPolicy& policy = history_.policy;
    const auto younger = [&](absl::Time than, absl::Duration age) {
      return now_ - than < age;
    };
    const auto keep = [&](Keep why) { decision.reasons.push_back({why}); };
    if (younger(snapshot.received, policy.keep_within)) keep(Keep::kWithin);
    if (younger(snapshot.received, policy.min_age)) {
      keep(Keep::kFloor);
    } else if (younger(snapshot.undeleted, policy.min_age)) {
      keep(Keep::kUndeleted);
    }
    if (now_ < history_.locked_until) keep(Keep::kLocked);
    if (history_.held) keep(Keep::kHeld);
  }

  const SetHistory& history_;
  const absl::Time now_;
  std::vector<Decision> decisions_;
};

std::string ReasonText(const Reason& reason, const LiveSnapshot& snapshot,
                       const RetentionPolicy& policy) {
  switch (reason.keep) {
    case Keep::kNewest:
      return "newest";
    case Keep::kLast:
      return reason.part == Reason::Part::kBeside ? "beside the last"
                                                  : "one of the last";
    case Keep::kWithin:
      return absl::StrCat("within ",
                          RuleValue(policy, PolicyRule::kKeepWithin));
    case Keep::kFloor:
      return absl::StrCat("younger than ",
                          RuleValue(policy, PolicyRule::kMinAge));
    case Keep::kUndeleted:
      return absl::StrCat("brought back ",
                          BucketName(Keep::kDaily, snapshot.undeleted));
    case Keep::kLocked:
      return "locked";
    case Keep::kHeld:
      return "held";
    default:
      break;
  }
  const std::string bucket = BucketName(reason.keep, snapshot.received);
  switch (reason.part) {
    case Reason::Part::kFirst:
      return absl::StrCat("first of ", bucket);
    case Reason::Part::kBeside:
      return absl::StrCat("beside the last of ", bucket);
    case Reason::Part::kLast:
      break;
  }
  return absl::StrCat("last of ", bucket);
}

Refusal LargeShare(const HostPlan& plan) {
  return {Refusal::Kind::kLargeShare,
          absl::StrCat(plan.expiring(), " of ", plan.live(), " snapshots of ",
                       plan.host,
                       " would go, more than half. If that is meant: "
                       "`nightsafe-admin prune --override ",
                       plan.host, "`")};
}

Refusal Suspicious(const std::string& host, const SetHistory& set) {
  // Who releases accepts what is shown here, not what came in the meantime.
  const uint64_t last = set.live.empty() ? 0 : set.live.back().sequence;
  return {Refusal::Kind::kSuspicious,
          absl::StrCat(host, "/", set.set, ": snapshot ", set.suspect_since,
                       " is out of the ordinary: ", set.suspicion,
                       ". Nothing of the host expires until somebody looked; "
                       "if it is right: `nightsafe-admin release ",
                       host, "/", set.set, " --upto ",
                       std::max(last, set.suspect_since), "`")};
}

}  // namespace

std::string ReasonText(const Decision& decision,
                       const RetentionPolicy& policy) {
  return absl::StrJoin(
      decision.reasons, ", ", [&](std::string* out, const Reason& reason) {
        absl::StrAppend(out, ReasonText(reason, decision.snapshot, policy));
      });
}

uint64_t SetPlan::expiring() const {
  return static_cast<uint64_t>(
      std::count_if(decisions.begin(), decisions.end(),
                    [](const Decision& one) { return !one.keep(); }));
}

SetPlan PlanSet(const SetHistory& history, absl::Time now) {
  return {.set = history.set,
          .decisions = SetPlanner(history, now).Plan(),
          .suspect_since = history.suspect_since,
          .suspicion = history.suspicion};
}

uint64_t HostPlan::live() const {
  uint64_t count = 0;
  for (const SetPlan& set : sets) count += set.decisions.size();
  return count;
}

uint64_t HostPlan::expiring() const {
  uint64_t count = 0;
  for (const SetPlan& set : sets) count += set.expiring();
  return count;
}

std::vector<SnapshotId> HostPlan::ExpiringIds() const {
  std::vector<SnapshotId> ids;
  for (const SetPlan& set : sets) {
    for (const Decision& decision : set.decisions) {
      if (!decision.keep()) ids.push_back(decision.snapshot.id);
    }
  }
  return ids;
}

HostPlan PlanHost(const HostHistory& history, absl::Time now,
                  const std::string& clock_doubt) {
  HostPlan plan{.host = history.host, .sets = {}, .refusals = {}};
  for (const SetHistory& set : history.sets) {
    plan.sets.push_back(PlanSet(set, now));
    if (set.suspect_since != 0) {
      plan.refusals.push_back(Suspicious(history.host, set));
    }
  }
  if (!clock_doubt.empty()) {
    plan.refusals.push_back({Refusal::Kind::kClock, clock_doubt});
  }
  if (2 * plan.expiring() > plan.live()) {
    plan.refusals.push_back(LargeShare(plan));
  }
  return plan;
}

}  // namespace nightsafe
