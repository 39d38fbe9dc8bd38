#include "client/admin/orders.h"

#include <algorithm>
#include <functional>

#include "absl/time/clock.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/order/order.h"

namespace nightsafe {
namespace {

using v1::format::Order;

constexpr size_t kNonceBytes = 16;
// An id takes two bytes more in its message.
constexpr size_t kIdsPerOrder =
    (kMaxOrderBytes - 2048) / (SnapshotId::kSize + 2);

// `fill` puts ids into an order of its own.
absl::Status SendInParts(
    const AdminClient& server, const SigningKey& admin_key,
    absl::string_view vault, const std::vector<SnapshotId>& snapshots,
    const std::function<void(Order& order, const std::string& id)>& fill) {
  for (size_t at = 0; at < snapshots.size(); at += kIdsPerOrder) {
    NS_ASSIGN_OR_RETURN(Order order, BeginOrder(server, vault, absl::Now()));
    const size_t end = std::min(snapshots.size(), at + kIdsPerOrder);
    for (size_t i = at; i < end; ++i) {
      fill(order, std::string(snapshots[i].text()));
    }
    NS_RETURN_IF_ERROR(SendOrder(server, admin_key, order));
  }
  return absl::OkStatus();
}

}  // namespace

std::string OrderScope::Text(absl::string_view vault) const {
  if (host.empty()) return absl::StrCat("vault ", vault);
  return set.empty() ? host : absl::StrCat(host, "/", set);
}

absl::StatusOr<OrderScope> ParseOrderScope(absl::string_view text) {
  OrderScope scope;
  if (text.empty()) return scope;
  const size_t slash = text.find('/');
  scope.host = std::string(text.substr(0, slash));
  NS_RETURN_IF_ERROR(ValidateName("host", scope.host));
  if (slash == absl::string_view::npos) return scope;
  scope.set = std::string(text.substr(slash + 1));
  NS_RETURN_IF_ERROR(ValidateName("set", scope.set));
  return scope;
}

absl::StatusOr<Order> BeginOrder(const AdminClient& server,
                                 absl::string_view vault, absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::GetServerReply about, server.GetServer());
  Order order;
  order.set_server_id(about.server_id());
  order.set_vault(std::string(vault));
  std::string nonce(kNonceBytes, '\0');
  FillRandom(AsMutableBytes(nonce));
  order.set_nonce(nonce);
  order.set_issued_unix_ns(absl::ToUnixNanos(now));
  return order;
}

absl::Status SendOrder(const AdminClient& server, const SigningKey& admin_key,
                       const Order& order) {
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status ExpireSnapshots(const AdminClient& server,
                             const SigningKey& admin_key,
                             absl::string_view vault,
                             const std::vector<SnapshotId>& snapshots,
                             ExpireBy by, absl::string_view reason) {
  return SendInParts(
      server, admin_key, vault, snapshots,
      [&](Order& order, const std::string& id) {
        order.mutable_expire()->add_snapshots(id);
        order.mutable_expire()->set_override_checks(by == ExpireBy::kOverride);
        order.mutable_expire()->set_by_policy(by == ExpireBy::kPolicy);
        order.mutable_expire()->set_reason(std::string(reason));
      });
}

absl::Status UndeleteSnapshots(const AdminClient& server,
                               const SigningKey& admin_key,
                               absl::string_view vault,
                               const std::vector<SnapshotId>& snapshots) {
  return SendInParts(server, admin_key, vault, snapshots,
                     [](Order& order, const std::string& id) {
                       order.mutable_undelete()->add_snapshots(id);
                     });
}

}  // namespace nightsafe
