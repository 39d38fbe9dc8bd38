// What the policies in force let go: the part of RetentionState that plans.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/vault/retention_state.h"
#include "server/vault/retention_words.h"

namespace nightsafe {
namespace {

using v1::format::Order;

absl::Status Refused(absl::string_view what) {
  return absl::FailedPreconditionError(what);
}

}  // namespace

RetentionPolicy RetentionState::PolicyOf(const std::string& host,
                                         const std::string& set,
                                         const JournalClock& clock) const {
  // Nothing that was set is left out, and no time that is doubted lets a
  // lowered value take effect.
  const absl::Time now = std::max(clock.Earliest(clock.Now()), policy_changed_);
  return policies_.At(host, set, now).effective.policy;
}

HostPlan RetentionState::PlanOf(const std::string& host, absl::Time now) const {
  JournalClock clock = clock_;
  clock.Advance(now);
  return PlanAt(host, clock, clock_watch_.Doubt(now));
}

std::vector<SnapshotId> RetentionState::GoingBy(const HostPlan& plan,
                                                absl::Time now) const {
  JournalClock clock = clock_;
  clock.Advance(now);
  return GoingAt(plan, clock);
}

std::vector<SnapshotId> RetentionState::GoingAt(
    const HostPlan& plan, const JournalClock& clock) const {
  std::vector<SnapshotId> going;
  // What needs an admin's override never goes by itself.
  if (!plan.refusals.empty()) return going;
  for (const SnapshotId& id : plan.ExpiringIds()) {
    if (CheckExpire(places_.at(id), clock).ok()) going.push_back(id);
  }
  return going;
}

HostPlan RetentionState::PlanAt(const std::string& host,
                                const JournalClock& clock,
                                const std::string& doubt) const {
  HostHistory history = histories_.Of(host, snapshots_);
  for (SetHistory& set : history.sets) {
    set.policy = PolicyOf(host, set.set, clock);
    for (const SetScope& scope : ScopesOf(host, set.set)) {
      const auto lock = locks_.find(scope);
      if (lock != locks_.end()) {
        set.locked_until = std::max(set.locked_until, lock->second);
      }
      set.held |= holds_.contains(scope);
    }
  }
  return PlanHost(history, clock.Now().time, doubt);
}

absl::Status RetentionState::CheckByPolicy(const Order& order,
                                           const JournalClock& clock) const {
  if (order.expire().override_checks()) {
    return absl::InvalidArgumentError(
        "an order goes by the policies, or overrides what they check; not "
        "both");
  }
  const absl::Time now = clock.Now().time;
  const absl::Time issued = absl::FromUnixNanos(order.issued_unix_ns());
  // Two clocks that agree are not doubted.
  const std::string doubt = absl::AbsDuration(issued - now) <= kBelievedGap
                                ? ""
                                : clock_watch_.Doubt(now);
  std::map<std::string, std::set<SnapshotId>> going;  // by host
  for (const std::string& id : order.expire().snapshots()) {
    const SnapshotInfo& info = snapshots_[PlaceOf(id).value()];
    if (info.life == SnapshotLife::kExpired) continue;
    const auto [host, added] = going.try_emplace(info.host);
    if (added) {
      const HostPlan plan = PlanAt(info.host, clock, doubt);
      if (!plan.refusals.empty()) {
        return Refused(plan.refusals.front().message);
      }
      const auto ids = GoingAt(plan, clock);
      host->second.insert(ids.begin(), ids.end());
    }
    if (host->second.contains(info.id)) continue;
    return Refused(absl::StrCat(
        SnapshotText(info),
        " stays by the policy in force, at this server's time: look at the "
        "plan again"));
  }
  return absl::OkStatus();
}

std::vector<SnapshotId> RetentionState::DueForPurge(absl::Time now) const {
  JournalClock clock = clock_;
  clock.Advance(now);
  std::vector<SnapshotId> due;
  for (size_t place = 0; place < snapshots_.size(); ++place) {
    if (snapshots_[place].life == SnapshotLife::kExpired &&
        CheckPurge(place, clock).ok()) {
      due.push_back(snapshots_[place].id);
    }
  }
  return due;
}

}  // namespace nightsafe
