#include "common/crypto/passphrase.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/ids.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

std::array<std::byte, 16> CountingSalt() {
  std::array<std::byte, 16> salt;
  for (size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::byte>(i);
  return salt;
}

// By another implementation (OpenSSL 3.5, one lane).
TEST(KeyFromPassphrase, IsArgon2id) {
  absl::StatusOr<Secret32> key =
      KeyFromPassphrase("correct horse", CountingSalt(), 64 << 10, 2);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(HexEncode(key->view()),
            "9c87c06898bc18516669b54a8b95d36e622946494d7a55c26f391a0406068c19");
}

TEST(KeyFromPassphrase, DependsOnEachInput) {
  std::array<std::byte, 16> salt = CountingSalt();
  const auto hex = [&](absl::string_view passphrase, uint64_t memory,
                       uint32_t passes) {
    return HexEncode(
        KeyFromPassphrase(passphrase, salt, memory, passes)->view());
  };
  const std::string key = hex("horse", 8 << 10, 1);
  EXPECT_NE(key, hex("hors", 8 << 10, 1));
  EXPECT_NE(key, hex("horse", 16 << 10, 1));
  EXPECT_NE(key, hex("horse", 8 << 10, 2));
  salt[15] ^= std::byte{1};
  EXPECT_NE(key, hex("horse", 8 << 10, 1));
}

TEST(CheckKdfCost, TakesTheBoundsAndNothingBeyond) {
  for (uint64_t memory : {uint64_t{8} << 10, uint64_t{1} << 30}) {
    for (uint32_t passes : {1u, 16u}) {
      EXPECT_TRUE(CheckKdfCost(memory, passes).ok());
    }
  }
  const uint64_t good = 8 << 10;
  for (uint64_t memory : {uint64_t{0}, good - 1024, good + 1,
                          (uint64_t{1} << 30) + 1024, ~uint64_t{0}}) {
    EXPECT_EQ(CheckKdfCost(memory, 1).code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (uint32_t passes : {0u, 17u, ~0u}) {
    EXPECT_EQ(CheckKdfCost(good, passes).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(SealWithRandomNonce, BindsKeyAndAssociatedData) {
  const Secret32 key = RandomSecret();
  const std::string sealed =
      SealWithRandomNonce(key, AsBytes("aad"), AsBytes("plain"));
  EXPECT_EQ(sealed.size(), 24u + 5 + 16);
  EXPECT_NE(sealed, SealWithRandomNonce(key, AsBytes("aad"), AsBytes("plain")));
  EXPECT_EQ(*OpenWithNonce(key, AsBytes("aad"), AsBytes(sealed)), "plain");
  const auto denied = absl::StatusCode::kPermissionDenied;
  EXPECT_EQ(OpenWithNonce(key, {}, AsBytes(sealed)).status().code(), denied);
  EXPECT_EQ(OpenWithNonce(RandomSecret(), AsBytes("aad"), AsBytes(sealed))
                .status()
                .code(),
            denied);
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(OpenWithNonce(key, AsBytes("aad"), AsBytes(sealed).first(size))
                  .status()
                  .code(),
              denied);
  }
}

}  // namespace
}  // namespace nightsafe
