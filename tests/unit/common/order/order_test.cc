#include "common/order/order.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "common/crypto/blake3.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

using v1::format::Order;
using v1::format::SignedOrder;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

struct Fixture {
  SigningKey admin = SigningKey::Generate();
  ServerId server = MakeServerId(admin.verify_key());

  Order Revoke() const {
    Order order;
    order.set_server_id(std::string(server.text()));
    order.set_vault("main");
    order.set_nonce(std::string(16, 'n'));
    order.set_issued_unix_ns(1234567890);
    order.mutable_revoke_host()->set_host("web1");
    return order;
  }
  absl::StatusCode Code(const SignedOrder& order) const {
    return VerifyOrder(order, admin.verify_key(), server).status().code();
  }
};

TEST(Order, ComesBackAsItWasSigned) {
  const Fixture f;
  const Order order = f.Revoke();
  absl::StatusOr<Order> verified =
      VerifyOrder(SignOrder(f.admin, order), f.admin.verify_key(), f.server);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->SerializeAsString(), order.SerializeAsString());
}

TEST(Order, IsSignedUnderItsOwnContext) {
  const Fixture f;
  const SignedOrder order = SignOrder(f.admin, f.Revoke());
  EXPECT_EQ(order.admin_key_id(), KeyIdOf(f.admin.verify_key()).text());
  EXPECT_EQ(order.signature(),
            f.admin.Sign("nightsafe order v1", AsBytes(order.order())).text());
}

TEST(Order, RefusesASignatureOfAnotherKind) {
  const Fixture f;
  SignedOrder order = SignOrder(f.admin, f.Revoke());
  order.set_signature(std::string(
      f.admin.Sign("nightsafe host cert v1", AsBytes(order.order())).text()));
  EXPECT_EQ(f.Code(order), kDenied);
}

TEST(Order, RefusesAnotherAdmin) {
  const Fixture f;
  const SigningKey other = SigningKey::Generate();
  SignedOrder order = SignOrder(other, f.Revoke());
  EXPECT_EQ(f.Code(order), kDenied);
  order.set_admin_key_id(std::string(KeyIdOf(f.admin.verify_key()).text()));
  EXPECT_EQ(f.Code(order), kDenied);
}

TEST(Order, RefusesAnotherServer) {
  const Fixture f;
  const ServerId other = MakeServerId(f.admin.verify_key());
  EXPECT_EQ(
      VerifyOrder(SignOrder(f.admin, f.Revoke()), f.admin.verify_key(), other)
          .status()
          .code(),
      kDenied);
}

TEST(Order, RefusesEveryFlippedBit) {
  const Fixture f;
  const std::string bytes = SignOrder(f.admin, f.Revoke()).SerializeAsString();
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    SignedOrder order;
    if (!order.ParseFromString(changed)) continue;
    EXPECT_EQ(f.Code(order), kDenied) << bit;
  }
}

TEST(Order, RefusesBadFormsEvenIfSigned) {
  const Fixture f;
  Order bad[6] = {f.Revoke(), f.Revoke(), f.Revoke(),
                  f.Revoke(), f.Revoke(), f.Revoke()};
  bad[0].clear_nonce();
  bad[1].set_nonce(std::string(15, 'n'));
  bad[2].clear_action();
  bad[3].set_vault("../main");
  bad[4].clear_server_id();
  bad[5].mutable_revoke_host()->set_reason(std::string(65 << 10, 'r'));
  for (const Order& order : bad) {
    EXPECT_EQ(f.Code(SignOrder(f.admin, order)), kInvalid);
  }
}

TEST(Order, RefusesSignedBytesThatAreNoOrder) {
  const Fixture f;
  SignedOrder order = SignOrder(f.admin, f.Revoke());
  order.set_order("\xff\xff\xff");
  order.set_signature(std::string(
      f.admin.Sign("nightsafe order v1", AsBytes(order.order())).text()));
  EXPECT_EQ(f.Code(order), kInvalid);
}

TEST(Order, TakesOrdersAboutTheServerItself) {
  const Fixture f;
  Order order = f.Revoke();
  order.clear_vault();
  order.mutable_add_admin_key()->set_public_key(std::string(32, 'k'));
  EXPECT_EQ(f.Code(SignOrder(f.admin, order)), absl::StatusCode::kOk);
}

TEST(Order, FollowsTheWorkedExample) {
  std::map<std::string, std::string> example =
      ReadFormatExample("common/order/FORMAT.md");
  const SigningKey admin = SigningKey::FromSeed(
      *Secret32::FromBytes(AsBytes(example["admin signing seed"])));
  const ServerId server = *ServerId::FromBytes(AsBytes(example["server id"]));
  EXPECT_EQ(HexEncode(admin.verify_key().view()),
            HexEncode(AsBytes(example["admin verify key"])));
  EXPECT_TRUE(CheckServerId(server, admin.verify_key()).ok());
  Order order;
  order.set_server_id(example["server id"]);
  order.set_vault("main");
  order.set_nonce(std::string(16, '\x0a'));
  order.set_issued_unix_ns(1700000000000000000);
  order.mutable_revoke_host()->set_host("web1");
  const SignedOrder signed_order = SignOrder(admin, order);
  EXPECT_EQ(HexEncode(AsBytes(signed_order.order())),
            HexEncode(AsBytes(example["order"])));
  EXPECT_EQ(HexEncode(AsBytes(signed_order.admin_key_id())),
            HexEncode(AsBytes(example["admin key id"])));
  EXPECT_EQ(HexEncode(AsBytes(signed_order.signature())),
            HexEncode(AsBytes(example["signature"])));
  EXPECT_TRUE(VerifyOrder(signed_order, admin.verify_key(), server).ok());
}

TEST(ServerId, BelongsToTheAdminKeyItWasMadeWith) {
  const Fixture f;
  EXPECT_TRUE(CheckServerId(f.server, f.admin.verify_key()).ok());
  EXPECT_EQ(CheckServerId(f.server, SigningKey::Generate().verify_key()).code(),
            kDenied);
  for (size_t i = 0; i < ServerId::kSize; ++i) {
    ServerId changed = f.server;
    changed.bytes[i] ^= std::byte{1};
    EXPECT_EQ(CheckServerId(changed, f.admin.verify_key()).code(), kDenied);
  }
}

TEST(ServerId, IsRandomThenAHash) {
  const Fixture f;
  const ByteView random = f.server.view().first(8);
  const Hash32 hash = DeriveHash("nightsafe server id v1",
                                 {random, f.admin.verify_key().view()});
  EXPECT_EQ(HexEncode(f.server.view().subspan(8)),
            HexEncode(ByteView(hash).first(16)));
  EXPECT_NE(f.server, MakeServerId(f.admin.verify_key()));
}

}  // namespace
}  // namespace nightsafe
