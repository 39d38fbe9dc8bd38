#include "common/crypto/sealed_box.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "common/crypto/aead.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kContext = "nightsafe test box v1";

Secret32 SecretFromHex(absl::string_view hex) {
  return std::move(Secret32::FromBytes(AsBytes(*HexDecode(hex)))).value();
}

absl::StatusCode OpenCode(const BoxKey& key, absl::string_view context,
                          absl::string_view aad, absl::string_view sealed) {
  return OpenSealed(key, context, AsBytes(aad), AsBytes(sealed))
      .status()
      .code();
}

// RFC 7748, section 6.1.
TEST(BoxKey, DerivesThePublicKeyOfTheRfc) {
  const BoxKey bob = BoxKey::FromSecret(SecretFromHex(
      "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(bob.public_key().Hex(),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

// Sealed here by hand, with the shared secret of RFC 7748, section 6.1.
TEST(SealedBox, OpensWhatTheFormatDescribes) {
  const BoxKey bob = BoxKey::FromSecret(SecretFromHex(
      "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  const std::string alice = *HexDecode(
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const std::string shared = *HexDecode(
      "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  Blake3 derive = Blake3::DeriveKey(kContext);
  for (ByteView part :
       {AsBytes(shared), AsBytes(alice), bob.public_key().view()}) {
    derive.Update(AsBytes(absl::string_view("\x20\0\0\0", 4))).Update(part);
  }
  derive.Update(AsBytes(absl::string_view("\3\0\0\0", 4)));
  derive.Update(AsBytes("aad"));
  std::string sealed = alice;
  SealOnce(derive.Finish(), AsBytes("aad"), AsBytes("plain"), sealed);
  absl::StatusOr<std::string> plain =
      OpenSealed(bob, kContext, AsBytes("aad"), AsBytes(sealed));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain, "plain");
}

TEST(SealedBox, OpensWhatItSealed) {
  const BoxKey key = BoxKey::Generate();
  absl::StatusOr<std::string> sealed =
      SealTo(key.public_key(), kContext, AsBytes("aad"), AsBytes("plain"));
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(sealed->size(), 32 + 5 + kAeadTagBytes);
  absl::StatusOr<std::string> plain =
      OpenSealed(key, kContext, AsBytes("aad"), AsBytes(*sealed));
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(*plain, "plain");
}

TEST(SealedBox, UsesAFreshKeyForEachMessage) {
  const BoxKey key = BoxKey::Generate();
  EXPECT_NE(*SealTo(key.public_key(), kContext, {}, AsBytes("plain")),
            *SealTo(key.public_key(), kContext, {}, AsBytes("plain")));
}

TEST(SealedBox, RefusesAnotherKeyContextOrAssociatedData) {
  const BoxKey key = BoxKey::Generate();
  const std::string sealed =
      *SealTo(key.public_key(), kContext, AsBytes("aad"), AsBytes("plain"));
  const auto loss = absl::StatusCode::kDataLoss;
  EXPECT_EQ(OpenCode(BoxKey::Generate(), kContext, "aad", sealed), loss);
  EXPECT_EQ(OpenCode(key, "nightsafe test box v2", "aad", sealed), loss);
  EXPECT_EQ(OpenCode(key, kContext, "", sealed), loss);
  EXPECT_EQ(OpenCode(key, kContext, "aae", sealed), loss);
}

TEST(SealedBox, RefusesEveryFlippedBitAndTruncation) {
  const BoxKey key = BoxKey::Generate();
  const std::string sealed =
      *SealTo(key.public_key(), kContext, AsBytes("aad"), AsBytes("plain"));
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(OpenCode(key, kContext, "aad", changed),
              absl::StatusCode::kDataLoss)
        << bit;
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(OpenCode(key, kContext, "aad", sealed.substr(0, size)),
              absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(SealedBox, RefusesKeysOfLowOrder) {
  BoxPublicKey one;
  one.bytes[0] = std::byte{1};
  for (const BoxPublicKey& low : {BoxPublicKey{}, one}) {
    EXPECT_EQ(SealTo(low, kContext, {}, AsBytes("plain")).status().code(),
              absl::StatusCode::kInvalidArgument);
    const std::string sealed = std::string(low.text()) + std::string(21, 'x');
    EXPECT_EQ(OpenCode(BoxKey::Generate(), kContext, "", sealed),
              absl::StatusCode::kDataLoss);
  }
}

TEST(KeyIdOf, DependsOnTheUseOfTheKey) {
  BoxPublicKey box;
  VerifyKey verify;
  EXPECT_NE(KeyIdOf(box), KeyIdOf(verify));
}

}  // namespace
}  // namespace nightsafe
