#include "client/admin/prune_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kMaxClockDifference = absl::Hours(1);

absl::Time TimeOf(int64_t unix_ns) {
  return unix_ns == 0 ? absl::InfinitePast() : absl::FromUnixNanos(unix_ns);
}

absl::StatusOr<LiveSnapshot> ToSnapshot(const v1::LiveSnapshot& message) {
  LiveSnapshot snapshot;
  NS_ASSIGN_OR_RETURN(snapshot.id,
                      SnapshotId::FromBytes(AsBytes(message.snapshot())));
  snapshot.sequence = message.sequence();
  snapshot.received = absl::FromUnixNanos(message.received_unix_ns());
  snapshot.extra = message.extra();
  snapshot.suspicious = message.suspicious();
  snapshot.undeleted = TimeOf(message.undeleted_unix_ns());
  return snapshot;
}

bool IsAsked(const v1::ListHistoriesReply& reply,
             const std::vector<OrderScope>& scopes) {
  return scopes.empty() ||
         std::any_of(scopes.begin(), scopes.end(), [&](const OrderScope& one) {
           return (one.host.empty() || one.host == reply.host()) &&
                  (one.set.empty() || one.set == reply.set());
         });
}

// An admin's clock that agrees is as good as any gap is bad.
std::string ClockDoubt(absl::Time server, absl::Time here) {
  if (absl::AbsDuration(server - here) <= kMaxClockDifference) return "";
  return absl::StrCat(
      "the server's clock says ", absl::FormatTime(server), ", this machine's ",
      absl::FormatTime(here),
      ": set the wrong one right, or `--override` if the server's is right");
}

absl::Status CheckFound(const std::vector<OrderScope>& scopes,
                        const PrunePlan& plan, const std::string& vault) {
  for (const OrderScope& scope : scopes) {
    const bool found = std::any_of(
        plan.policies.begin(), plan.policies.end(), [&](const auto& one) {
          return (scope.host.empty() || scope.host == one.first.first) &&
                 (scope.set.empty() || scope.set == one.first.second);
        });
    if (!found) {
      return absl::NotFoundError(
          absl::StrCat(scope.Text(vault), " has no snapshots in vault ", vault,
                       ": see `nightsafe-admin host list`"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PrunePlan> MakePrunePlan(const AdminClient& server,
                                        const std::string& vault,
                                        const std::vector<OrderScope>& scopes,
                                        absl::Time here) {
  v1::ListHistoriesRequest request;
  request.set_vault(vault);
  if (scopes.size() == 1) request.set_host(scopes[0].host);
  NS_ASSIGN_OR_RETURN(std::vector<v1::ListHistoriesReply> replies,
                      server.ListHistories(request));
  PrunePlan plan;
  std::vector<HostHistory> hosts;
  for (const v1::ListHistoriesReply& reply : replies) {
    plan.now = absl::FromUnixNanos(reply.now_unix_ns());
    if (!IsAsked(reply, scopes)) continue;
    if (hosts.empty() || hosts.back().host != reply.host()) {
      hosts.push_back({.host = reply.host(), .sets = {}});
    }
    std::vector<SetHistory>& sets = hosts.back().sets;
    if (sets.empty() || sets.back().set != reply.set()) {
      NS_RETURN_IF_ERROR(ValidatePolicy(reply.policy()));
      const RetentionPolicy policy =
          Merge(&reply.policy(), nullptr, nullptr).policy;
      plan.policies[{reply.host(), reply.set()}] = policy;
      sets.push_back({.set = reply.set(),
                      .policy = policy,
                      .live = {},
                      .suspect_since = reply.suspect_since(),
                      .suspicion = reply.suspicion(),
                      .locked_until = TimeOf(reply.locked_until_unix_ns()),
                      .held = reply.held()});
    }
    for (const v1::LiveSnapshot& message : reply.live()) {
      NS_ASSIGN_OR_RETURN(LiveSnapshot snapshot, ToSnapshot(message));
      plan.new_bytes[snapshot.id] = message.new_bytes();
      sets.back().live.push_back(snapshot);
    }
  }
  NS_RETURN_IF_ERROR(CheckFound(scopes, plan, vault));
  for (const HostHistory& host : hosts) {
    plan.hosts.push_back(PlanHost(host, plan.now, ClockDoubt(plan.now, here)));
  }
  return plan;
}

uint64_t MostFreed(const PrunePlan& plan, const HostPlan& host) {
  uint64_t bytes = 0;
  for (const SnapshotId& id : host.ExpiringIds()) {
    bytes += plan.new_bytes.at(id);
  }
  return bytes;
}

}  // namespace nightsafe
