// Making, signing and sending orders.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/rpc/admin_client.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/order.pb.h"

namespace nightsafe {

// The vault (both empty), a host, or a set of it.
struct OrderScope {
  std::string host;
  std::string set;

  // "vault main", "web1", "web1/files".
  std::string Text(absl::string_view vault) const;
};
// "", "HOST" or "HOST/SET". INVALID_ARGUMENT if it is no such name.
absl::StatusOr<OrderScope> ParseOrderScope(absl::string_view text);

// For the server that `server` is connected to, with a new nonce; the action is
// the caller's.
absl::StatusOr<v1::format::Order> BeginOrder(const AdminClient& server,
                                             absl::string_view vault,
                                             absl::Time now);
absl::Status SendOrder(const AdminClient& server, const SigningKey& admin_key,
                       const v1::format::Order& order);

enum class ExpireBy {
  kPolicy,    // refused for what the policies in force keep
  kName,      // an admin named them
  kOverride,  // and looked at what is refused otherwise
};

// In as many orders as their size asks for.
absl::Status ExpireSnapshots(const AdminClient& server,
                             const SigningKey& admin_key,
                             absl::string_view vault,
                             const std::vector<SnapshotId>& snapshots,
                             ExpireBy by, absl::string_view reason);
absl::Status UndeleteSnapshots(const AdminClient& server,
                               const SigningKey& admin_key,
                               absl::string_view vault,
                               const std::vector<SnapshotId>& snapshots);

}  // namespace nightsafe
