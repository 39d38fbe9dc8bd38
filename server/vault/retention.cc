#include "server/vault/retention.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/retention/policy_tree.h"
#include "server/vault/retention_words.h"

namespace nightsafe {

using v1::format::Order;
using v1::format::SignedOrder;
using v1::format::VaultRecord;

namespace {

using Records = std::vector<VaultRecord>;

// Of one record, well within what a journal takes.
constexpr int kMaxSnapshotsPerRecord = 20'000;
// A clock that is set right by a little is no reason to wait.
constexpr absl::Duration kClockSlack = absl::Minutes(5);

absl::Status CheckShare(const RetentionState& state,
                        const Order::Expire& expire, absl::Time now) {
  std::map<std::string, uint64_t> going;  // live snapshots by host
  for (const std::string& id : expire.snapshots()) {
    const SnapshotInfo* info =
        state.Find(SnapshotId::FromValidBytes(AsBytes(id)));
    if (info->life == SnapshotLife::kLive) ++going[info->host];
  }
  for (const auto& [host, count] : going) {
    const HostPlan plan = state.PlanOf(host, now);
    for (const Refusal& refusal : plan.refusals) {
      if (refusal.kind != Refusal::Kind::kSuspicious) continue;
      return absl::FailedPreconditionError(refusal.message);
    }
    if (2 * count <= plan.live()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("this would expire ", count, " of the ", plan.live(),
                     " live snapshots of host ", host,
                     ", more than half: look at them, then give the order with "
                     "--override"));
  }
  return absl::OkStatus();
}

// A policy that is right by itself may not be with what another admin has set.
// What was wrong before may be set right step by step.
absl::Status CheckPolicies(const RetentionState& state,
                           const Order::SetPolicy& change) {
  PolicyTree tree;
  for (const PolicyHistory::Scope& scope : state.policies().Scopes()) {
    tree[{scope.host, scope.set}] = scope.policy;
  }
  const auto before = InvalidScopes(tree);
  const SetScope changed{change.host(), change.set()};
  tree[changed] = change.policy();
  for (const auto& [scope, status] : InvalidScopes(tree)) {
    if (scope != changed && before.contains(scope)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("with this, ", ScopeText(scope), ": ", status.message()));
  }
  return absl::OkStatus();
}

// Nobody has looked at snapshots that are not there yet.
absl::Status CheckRelease(const VaultState& state,
                          const Order::Release& release) {
  const uint64_t last = state.snapshots().size();
  if (release.sequence() <= last) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the order accepts snapshots up to ", release.sequence(),
      ", the vault's last one is ", last, ": name one that you looked at"));
}

Records OneOrder(const VaultRecord::Ordered& ordered) {
  Records records(1);
  *records.front().mutable_ordered() = ordered;
  return records;
}

absl::Status CheckClock(const VaultState& state, const Clock& clock) {
  const absl::Time last = absl::FromUnixNanos(state.last_time_ns());
  const absl::Time now = clock.Now();
  if (now + kClockSlack >= last) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the server's clock says ", TimeText(now),
                   ", its journal's last record is of ", TimeText(last),
                   ": set the clock right, or wait until it is past that"));
}

}  // namespace

bool ConcernsVault(const Order& order) {
  switch (order.action_case()) {
    case Order::kSetPolicy:
    case Order::kExpire:
    case Order::kUndelete:
    case Order::kLock:
    case Order::kHold:
    case Order::kRelease:
    case Order::kStoreKeyring:
    case Order::kRecoveryKeyProven:
      return true;
    default:
      return false;
  }
}

absl::Status ObeyOrder(VaultJournal& journal,
                       const VaultRecord::Ordered& ordered) {
  return journal.Update([&](const VaultState& state,
                            int64_t now_ns) -> absl::StatusOr<Records> {
    const absl::Time now = absl::FromUnixNanos(now_ns);
    const auto checked = state.retention().CheckOrder(ordered, now);
    if (absl::IsAlreadyExists(checked.status())) return Records{};
    NS_RETURN_IF_ERROR(checked.status());
    // It would be kept in the journal for nothing, unsigned.
    if (!ordered.sealed_keyring().empty() && !checked->has_store_keyring()) {
      return absl::InvalidArgumentError(
          "a keyring comes with an order to store it, and with no other");
    }
    if (checked->has_expire() && !checked->expire().override_checks()) {
      NS_RETURN_IF_ERROR(CheckShare(state.retention(), checked->expire(), now));
    }
    if (checked->has_release()) {
      NS_RETURN_IF_ERROR(CheckRelease(state, checked->release()));
    }
    if (checked->has_set_policy()) {
      NS_RETURN_IF_ERROR(
          CheckPolicies(state.retention(), checked->set_policy()));
    }
    return OneOrder(ordered);
  });
}

absl::Status CopyAdminKeys(VaultJournal& journal,
                           const std::vector<SignedOrder>& orders) {
  // One by one: a later one may be signed with the key of an earlier one.
  for (const SignedOrder& order : orders) {
    VaultRecord::Ordered ordered;
    *ordered.mutable_order() = order;
    NS_RETURN_IF_ERROR(ObeyOrder(journal, ordered));
  }
  return absl::OkStatus();
}

HostPlan PlanForPrune(const RetentionState& retention, const std::string& host,
                      absl::Time now) {
  HostPlan plan = retention.PlanOf(host, now);
  for (const SetPlan& set : plan.sets) {
    const absl::Status valid = ValidateEffective(
        retention.policies().At(host, set.set, now).effective.policy);
    if (valid.ok()) continue;
    plan.refusals.push_back(
        {Refusal::Kind::kPolicy,
         absl::StrCat(host, "/", set.set, ": ", valid.message(),
                      ". Until then nothing of the host expires by itself")});
  }
  return plan;
}

std::vector<HostPlan> PlanHosts(const VaultJournal& journal,
                                const std::string& host, const Clock& clock) {
  const absl::Time now = clock.Now();
  return journal.Read([&](const VaultState& state) {
    std::vector<HostPlan> plans;
    for (const std::string& name : state.retention().Hosts()) {
      if (!host.empty() && name != host) continue;
      plans.push_back(PlanForPrune(state.retention(), name, now));
    }
    return plans;
  });
}

absl::StatusOr<std::vector<HostPlan>> PruneByPolicy(VaultJournal& journal,
                                                    const Clock& clock) {
  std::vector<HostPlan> plans;
  const absl::Status status = journal.Update(
      [&](const VaultState& state, int64_t now_ns) -> absl::StatusOr<Records> {
        NS_RETURN_IF_ERROR(CheckClock(state, clock));
        const RetentionState& retention = state.retention();
        const absl::Time now = absl::FromUnixNanos(now_ns);
        VaultRecord record;
        auto& going = *record.mutable_tombstoned();
        for (const std::string& host : retention.Hosts()) {
          plans.push_back(PlanForPrune(retention, host, now));
          for (const SnapshotId& id : retention.GoingBy(plans.back(), now)) {
            if (going.snapshots_size() == kMaxSnapshotsPerRecord) break;
            going.add_snapshots(std::string(id.text()));
          }
        }
        return going.snapshots().empty() ? Records{} : Records{record};
      });
  NS_RETURN_IF_ERROR(status);
  return plans;
}

absl::StatusOr<uint64_t> PurgeDue(VaultJournal& journal) {
  uint64_t purged = 0;
  int count = 0;
  do {
    const absl::Status status =
        journal.Update([&](const VaultState& state,
                           int64_t now_ns) -> absl::StatusOr<Records> {
          const absl::Time now = absl::FromUnixNanos(now_ns);
          count = 0;
          VaultRecord record;
          for (const SnapshotId& id : state.retention().DueForPurge(now)) {
            if (count == kMaxSnapshotsPerRecord) break;
            record.mutable_purged()->add_snapshots(std::string(id.text()));
            ++count;
          }
          return count == 0 ? Records{} : Records{record};
        });
    NS_RETURN_IF_ERROR(status);
    purged += static_cast<uint64_t>(count);
  } while (count == kMaxSnapshotsPerRecord);
  return purged;
}

}  // namespace nightsafe
