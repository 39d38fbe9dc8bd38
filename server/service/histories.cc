#include "server/service/histories.h"

#include <algorithm>
#include <array>

#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kSnapshotsPerReply = 5000;
// A backup that is late by this share of its interval is overdue.
constexpr double kOverdueShare = 1.5;

int64_t NanosOf(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixNanos(time);
}

v1::LiveSnapshot ToMessage(const LiveSnapshot& snapshot,
                           const RetentionState& retention) {
  v1::LiveSnapshot message;
  message.set_snapshot(std::string(snapshot.id.text()));
  message.set_sequence(snapshot.sequence);
  message.set_received_unix_ns(absl::ToUnixNanos(snapshot.received));
  message.set_extra(snapshot.extra);
  message.set_suspicious(snapshot.suspicious);
  message.set_undeleted_unix_ns(NanosOf(snapshot.undeleted));
  const SnapshotInfo* info = retention.Find(snapshot.id);
  if (info != nullptr) message.set_new_bytes(info->new_bytes);
  return message;
}

// With every rule set.
v1::format::Policy ToMessage(const RetentionPolicy& from) {
  v1::format::Policy policy;
  for (PolicyRule rule : AllPolicyRules()) {
    // What a policy in force says can always be set.
    SetRule(policy, rule, RuleValue(from, rule)).IgnoreError();
  }
  return policy;
}

RetentionPolicy PolicyOf(const RetentionState& retention,
                         const std::string& host, const std::string& set,
                         absl::Time now) {
  return retention.policies().At(host, set, now).effective.policy;
}

std::array<SetScope, 3> ScopesOf(const std::string& host,
                                 const std::string& set) {
  return {{{"", ""}, {host, ""}, {host, set}}};
}

struct Ties {
  absl::Time locked_until = absl::InfinitePast();
  bool held = false;
};

Ties TiesOf(const RetentionState& retention, const std::string& host,
            const std::string& set) {
  Ties ties;
  for (const SetScope& scope : ScopesOf(host, set)) {
    const auto lock = retention.locks().find(scope);
    if (lock != retention.locks().end()) {
      ties.locked_until = std::max(ties.locked_until, lock->second);
    }
    ties.held |= retention.holds().contains(scope);
  }
  return ties;
}

void AppendSet(const HostPlan& plan, const SetPlan& set,
               v1::ListHistoriesReply head, const RetentionState& retention,
               absl::Time now, std::vector<v1::ListHistoriesReply>& replies) {
  const Ties ties = TiesOf(retention, plan.host, set.set);
  head.set_set(set.set);
  *head.mutable_policy() =
      ToMessage(PolicyOf(retention, plan.host, set.set, now));
  head.set_locked_until_unix_ns(NanosOf(ties.locked_until));
  head.set_held(ties.held);
  head.set_suspect_since(set.suspect_since);
  head.set_suspicion(set.suspicion);
  size_t at = 0;
  do {
    v1::ListHistoriesReply& reply = replies.emplace_back(head);
    const size_t end = std::min(set.decisions.size(), at + kSnapshotsPerReply);
    for (; at < end; ++at) {
      *reply.add_live() = ToMessage(set.decisions[at].snapshot, retention);
    }
  } while (at < set.decisions.size());
}

}  // namespace

std::vector<v1::ListHistoriesReply> ToHistories(const VaultState& state,
                                                const std::string& host,
                                                absl::Time now) {
  const RetentionState& retention = state.retention();
  v1::ListHistoriesReply head;
  head.set_now_unix_ns(absl::ToUnixNanos(now));
  head.set_clock_doubt(retention.clock_watch().Doubt(now));
  std::vector<v1::ListHistoriesReply> replies;
  for (const std::string& name : retention.Hosts()) {
    if (!host.empty() && name != host) continue;
    head.set_host(name);
    const HostPlan plan = retention.PlanOf(name, now);
    for (const SetPlan& set : plan.sets) {
      AppendSet(plan, set, head, retention, now, replies);
    }
  }
  return replies;
}

v1::GetPoliciesReply ToPolicies(const VaultState& state,
                                const v1::GetPoliciesRequest& request,
                                absl::Time now) {
  const RetentionState& retention = state.retention();
  v1::GetPoliciesReply reply;
  for (const PolicyHistory::Scope& scope : retention.policies().Scopes()) {
    v1::PolicySet& one = *reply.add_policies();
    one.set_host(scope.host);
    one.set_set(scope.set);
    *one.mutable_policy() = scope.policy;
    one.set_since_unix_ns(absl::ToUnixNanos(scope.since));
  }
  const PolicyHistory::InForce in_force =
      retention.policies().At(request.host(), request.set(), now);
  *reply.mutable_in_force() = ToMessage(in_force.effective.policy);
  reply.set_min_age_from_unix_ns(NanosOf(in_force.min_age_from));
  reply.set_trash_from_unix_ns(NanosOf(in_force.trash_from));
  for (const auto& [scope, until] : retention.locks()) {
    if (until <= now) continue;
    v1::LockState& lock = *reply.add_locks();
    lock.set_host(scope.first);
    lock.set_set(scope.second);
    lock.set_until_unix_ns(absl::ToUnixNanos(until));
  }
  for (const auto& [scope, hold] : retention.holds()) {
    v1::HoldState& one = *reply.add_holds();
    one.set_host(scope.first);
    one.set_set(scope.second);
    one.set_since_unix_ns(absl::ToUnixNanos(hold.since));
    one.set_reason(hold.reason);
  }
  reply.set_last_sequence(state.snapshots().size());
  return reply;
}

v1::PrunedHost ToPruned(const HostPlan& plan) {
  v1::PrunedHost host;
  host.set_host(plan.host);
  host.set_live(plan.live());
  for (const Refusal& refusal : plan.refusals) {
    host.add_refusals(refusal.message);
  }
  if (plan.refusals.empty()) host.set_expired(plan.expiring());
  return host;
}

void AddRetention(const VaultState& state, absl::Time now,
                  v1::HostRecord& record) {
  const RetentionState& retention = state.retention();
  record.set_quota_bytes(
      PolicyOf(retention, record.name(), "", now).quota_bytes);
  absl::Duration expected = absl::InfiniteDuration();
  bool suspicious = false;
  bool held = false;
  bool locked = false;
  bool overdue = false;
  for (const SetPlan& set : retention.PlanOf(record.name(), now).sets) {
    const Ties ties = TiesOf(retention, record.name(), set.set);
    suspicious |= set.suspect_since != 0;
    held |= ties.held;
    locked |= now < ties.locked_until;
    const absl::Duration interval =
        PolicyOf(retention, record.name(), set.set, now).expected_interval;
    if (interval == absl::ZeroDuration() || set.decisions.empty()) continue;
    expected = std::min(expected, interval);
    overdue |=
        now - set.decisions.back().snapshot.received > kOverdueShare * interval;
  }
  if (expected != absl::InfiniteDuration()) {
    record.set_expected_interval_s(absl::ToInt64Seconds(expected));
  }
  if (suspicious) record.add_flags("suspicious");
  if (held) record.add_flags("held");
  if (locked) record.add_flags("locked");
  if (overdue) record.add_flags("overdue");
}

}  // namespace nightsafe
