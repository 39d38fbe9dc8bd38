#include "common/order/order.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kContext = "nightsafe order v1";
constexpr size_t kRandomBytes = 8;
constexpr size_t kNonceBytes = 16;

absl::Status Denied(absl::string_view what) {
  return absl::PermissionDeniedError(absl::StrCat("order: ", what));
}

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("order: ", what));
}

ServerId ServerIdFor(ByteView random, const VerifyKey& first_admin_key) {
  const Hash32 hash =
      DeriveHash("nightsafe server id v1", {random, first_admin_key.view()});
  ServerId id;
  std::copy_n(random.begin(), kRandomBytes, id.bytes.begin());
  std::copy_n(hash.begin(), ServerId::kSize - kRandomBytes,
              id.bytes.begin() + kRandomBytes);
  return id;
}

absl::Status CheckForm(const v1::format::Order& order) {
  if (order.server_id().size() != ServerId::kSize) {
    return Invalid(absl::StrCat("server id of ", order.server_id().size(),
                                " bytes, not ", ServerId::kSize));
  }
  if (order.nonce().size() != kNonceBytes) {
    return Invalid(absl::StrCat("nonce of ", order.nonce().size(),
                                " bytes, not ", kNonceBytes));
  }
  if (!order.vault().empty()) {
    NS_RETURN_IF_ERROR(Annotate(ValidateName("vault", order.vault()), "order"));
  }
  if (order.action_case() == v1::format::Order::ACTION_NOT_SET) {
    return Invalid("it asks for nothing this program knows; a newer one may");
  }
  return absl::OkStatus();
}

}  // namespace

v1::format::SignedOrder SignOrder(const SigningKey& admin,
                                  const v1::format::Order& order) {
  v1::format::SignedOrder signed_order;
  signed_order.set_order(order.SerializeAsString());
  signed_order.set_admin_key_id(
      std::string(KeyIdOf(admin.verify_key()).text()));
  signed_order.set_signature(
      std::string(admin.Sign(kContext, AsBytes(signed_order.order())).text()));
  return signed_order;
}

absl::StatusOr<v1::format::Order> VerifyOrder(
    const v1::format::SignedOrder& signed_order, const VerifyKey& admin_key,
    const ServerId& server) {
  if (signed_order.order().size() > kMaxOrderBytes) {
    return Invalid(absl::StrCat(signed_order.order().size(), " bytes, limit ",
                                kMaxOrderBytes));
  }
  if (signed_order.admin_key_id() != KeyIdOf(admin_key).text()) {
    return Denied(absl::StrCat("signed by key ",
                               HexEncode(AsBytes(signed_order.admin_key_id())),
                               ", not ", KeyIdOf(admin_key).Hex()));
  }
  absl::StatusOr<Signature> signature =
      Signature::FromBytes(AsBytes(signed_order.signature()));
  if (!signature.ok() ||
      !VerifySignature(admin_key, kContext, AsBytes(signed_order.order()),
                       *signature)
           .ok()) {
    return Denied("its signature does not fit");
  }
  v1::format::Order order;
  if (!order.ParseFromString(signed_order.order())) {
    return Invalid("it does not parse");
  }
  NS_RETURN_IF_ERROR(CheckForm(order));
  if (order.server_id() != server.text()) {
    return Denied(absl::StrCat("for server ",
                               HexEncode(AsBytes(order.server_id())), ", not ",
                               server.Hex()));
  }
  return order;
}

ServerId MakeServerId(const VerifyKey& first_admin_key) {
  std::array<std::byte, kRandomBytes> random;
  FillRandom(random);
  return ServerIdFor(random, first_admin_key);
}

absl::Status CheckServerId(const ServerId& server,
                           const VerifyKey& first_admin_key) {
  if (ServerIdFor(server.view().first(kRandomBytes), first_admin_key) ==
      server) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "server id ", server.Hex(), " was not made with this admin key (",
      KeyIdOf(first_admin_key).Hex(), ")"));
}

}  // namespace nightsafe
