#include "common/crypto/signature.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

constexpr absl::string_view kContext = "nightsafe test v1";

// RFC 8032, section 7.1, test 1.
SigningKey RfcKey() {
  const std::string seed = *HexDecode(
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  return SigningKey::FromSeed(*Secret32::FromBytes(AsBytes(seed)));
}

TEST(SigningKey, DerivesTheVerifyKeyOfTheRfc) {
  EXPECT_EQ(RfcKey().verify_key().Hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

// By another implementation (Python's cryptography), over
// u32 length ‖ context ‖ message.
TEST(SigningKey, SignsContextAndMessage) {
  EXPECT_EQ(RfcKey().Sign(kContext, AsBytes("message")).Hex(),
            "4bb93af8d859d69c971bce64fd131b2c726ad726ad2fec6fae31b052992c53a28b"
            "979921a61aa8acd42179c2c10c1accccbaef10dc4dd2de11f01bbc9fcc3a00");
}

TEST(VerifySignature, TakesWhatWasSigned) {
  const SigningKey key = SigningKey::Generate();
  for (absl::string_view message : {"", "message"}) {
    const Signature signature = key.Sign(kContext, AsBytes(message));
    EXPECT_TRUE(
        VerifySignature(key.verify_key(), kContext, AsBytes(message), signature)
            .ok());
  }
}

TEST(VerifySignature, RefusesAnotherKeyContextMessageOrSignature) {
  const SigningKey key = SigningKey::Generate();
  const Signature signature = key.Sign(kContext, AsBytes("message"));
  auto code = [](const VerifyKey& by, absl::string_view context,
                 absl::string_view message, const Signature& with) {
    return VerifySignature(by, context, AsBytes(message), with).code();
  };
  const auto denied = absl::StatusCode::kPermissionDenied;
  EXPECT_EQ(
      code(SigningKey::Generate().verify_key(), kContext, "message", signature),
      denied);
  EXPECT_EQ(code(key.verify_key(), "nightsafe test v2", "message", signature),
            denied);
  EXPECT_EQ(code(key.verify_key(), kContext, "massage", signature), denied);
  EXPECT_EQ(code(key.verify_key(), kContext, "message", Signature{}), denied);
  EXPECT_EQ(code(VerifyKey{}, kContext, "message", signature), denied);
  for (size_t i = 0; i < Signature::kSize; ++i) {
    Signature changed = signature;
    changed.bytes[i] ^= std::byte{1};
    EXPECT_EQ(code(key.verify_key(), kContext, "message", changed), denied);
  }
}

// Without the length before the context these two statements were the same.
TEST(VerifySignature, KeepsContextAndMessageApart) {
  const SigningKey key = SigningKey::Generate();
  const Signature signature = key.Sign("nightsafe ab", AsBytes("c"));
  EXPECT_FALSE(
      VerifySignature(key.verify_key(), "nightsafe a", AsBytes("bc"), signature)
          .ok());
}

}  // namespace
}  // namespace nightsafe
