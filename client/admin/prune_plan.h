// What a prune would do, worked out on the admin's machine from what the server
// lists.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/admin/orders.h"
#include "client/rpc/admin_client.h"
#include "common/retention/plan.h"

namespace nightsafe {

struct PrunePlan {
  absl::Time now;  // the server's clock
  std::vector<HostPlan> hosts;
  // What each was planned by, by host and set.
  std::map<std::pair<std::string, std::string>, RetentionPolicy> policies;
  std::map<SnapshotId, uint64_t> new_bytes;

  const RetentionPolicy& PolicyOf(const HostPlan& host,
                                  const SetPlan& set) const {
    return policies.at({host.host, set.set});
  }
};

// Of these hosts and sets; of all hosts if there are none. NOT_FOUND: one of
// them has no snapshots. The server's clock is compared with `here` too.
absl::StatusOr<PrunePlan> MakePrunePlan(const AdminClient& server,
                                        const std::string& vault,
                                        const std::vector<OrderScope>& scopes,
                                        absl::Time here);

// How much the sessions stored whose snapshots go: the most that can come free.
uint64_t MostFreed(const PrunePlan& plan, const HostPlan& host);

}  // namespace nightsafe
