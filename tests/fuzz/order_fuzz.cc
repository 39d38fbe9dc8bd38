// First byte even: the rest is a signed order. Odd: it is the order, signed
// here by the admin. What is obeyed says the same after it was signed anew.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/order/order.h"
#include "google/protobuf/stubs/logging.h"

namespace nightsafe {
namespace {

SigningKey AdminKey() {
  const std::string seed(32, 1);
  return SigningKey::FromSeed(*Secret32::FromBytes(AsBytes(seed)));
}

// That of the worked example in common/order/FORMAT.md.
ServerId Server() {
  return *ServerId::FromHex("090909090909090977301b1bc989cca821c36b4d6c72f45a");
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  static const SigningKey admin = AdminKey();
  ByteCursor input(std::as_bytes(std::span(data, size)));
  v1::format::SignedOrder signed_order;
  if (input.U8() % 2 == 0) {
    if (!signed_order.ParseFromString(std::string(AsText(input.rest())))) {
      return 0;
    }
  } else {
    signed_order = SignOrder(admin, v1::format::Order());
    signed_order.set_order(std::string(AsText(input.rest())));
    signed_order.set_signature(
        std::string(admin.Sign("nightsafe order v1", input.rest()).text()));
  }
  absl::StatusOr<v1::format::Order> order =
      VerifyOrder(signed_order, admin.verify_key(), Server());
  if (order.ok()) {
    NS_CHECK(order->server_id() == Server().text());
    NS_CHECK(order->nonce().size() == 16);
    NS_CHECK(order->action_case() != v1::format::Order::ACTION_NOT_SET);
    const auto again =
        VerifyOrder(SignOrder(admin, *order), admin.verify_key(), Server());
    NS_CHECK(again.ok());
    NS_CHECK(again->SerializeAsString() == order->SerializeAsString());
  } else {
    NS_CHECK(absl::IsInvalidArgument(order.status()) ||
             absl::IsPermissionDenied(order.status()));
  }
  return 0;
}
