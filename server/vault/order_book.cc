#include "server/vault/order_book.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/order/order.h"
#include "server/vault/retention_words.h"

namespace nightsafe {

using v1::format::Order;
using v1::format::SignedOrder;
using v1::format::VaultRecord;

namespace {

constexpr absl::Duration kMaxOrderAge = absl::Hours(7 * 24);

}  // namespace

void OrderBook::Begin(const VaultRecord::VaultInit& init) {
  vault_ = init.name();
  const auto server = ServerId::FromBytes(AsBytes(init.server_id()));
  if (server.ok()) server_ = *server;
  const auto key = VerifyKey::FromBytes(AsBytes(init.admin_public_key()));
  if (key.ok()) AddKey(*key);
}

absl::StatusOr<Order> OrderBook::Verify(const SignedOrder& order) const {
  const auto key_id = KeyId::FromBytes(AsBytes(order.admin_key_id()));
  const auto key = key_id.ok() ? admin_keys_.find(*key_id) : admin_keys_.end();
  if (key == admin_keys_.end()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the order is signed with key ",
                     HexEncode(AsBytes(order.admin_key_id())),
                     ", which is no admin key of vault ", vault_));
  }
  NS_ASSIGN_OR_RETURN(Order verified, VerifyOrder(order, key->second, server_));
  // Admin keys are the server's: the order is the same in every vault.
  const std::string wanted = verified.has_add_admin_key() ? "" : vault_;
  if (verified.vault() != wanted) {
    return absl::PermissionDeniedError(absl::StrCat(
        "the order is for vault \"", verified.vault(), "\", not for ", vault_));
  }
  if (HasDone(verified.nonce())) {
    return absl::AlreadyExistsError("this very order was carried out before");
  }
  return verified;
}

absl::Status OrderBook::CheckAge(const Order& order,
                                 const JournalClock& clock) {
  // Journals of later vaults get old keys too.
  if (order.has_add_admin_key()) return absl::OkStatus();
  const absl::Time issued = absl::FromUnixNanos(order.issued_unix_ns());
  const absl::Time now = clock.Now().time;
  if (issued >= clock.Earliest(clock.Now()) - kMaxOrderAge &&
      issued <= now + kMaxOrderAge) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the order was signed at ", TimeText(issued), ", the server has ",
      TimeText(now), ": an order counts for ", DaysText(kMaxOrderAge),
      "; correct the clock that is wrong, then give it again"));
}

void OrderBook::MarkDone(const Order& order) { nonces_.insert(order.nonce()); }

}  // namespace nightsafe
