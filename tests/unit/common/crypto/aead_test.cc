#include "common/crypto/aead.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "common/crypto/random.h"
#include "common/crypto/secret.h"

namespace nightsafe {
namespace {

const uint8_t* Raw(ByteView bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

std::string Seal(const Secret32& key, absl::string_view aad,
                 absl::string_view plain) {
  std::string sealed;
  SealOnce(key.view(), AsBytes(aad), AsBytes(plain), sealed);
  return sealed;
}

// libsodium's implementation of the same algorithm.
std::string SealWithSodium(const Secret32& key, absl::string_view aad,
                           absl::string_view plain) {
  const uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES] = {};
  std::string sealed(plain.size() + kAeadTagBytes, '\0');
  unsigned long long length = 0;
  crypto_aead_chacha20poly1305_ietf_encrypt(
      reinterpret_cast<uint8_t*>(sealed.data()), &length, Raw(AsBytes(plain)),
      plain.size(), Raw(AsBytes(aad)), aad.size(), nullptr, nonce,
      Raw(key.view()));
  return sealed;
}

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + 7);
  return bytes;
}

// RFC 8439, A.1, test vector 2: zero key, zero nonce, block 1, which encrypts
// the first 64 bytes of a message (block 0 makes the Poly1305 key).
TEST(Aead, FollowsTheKeyStreamOfTheRfc) {
  const Secret32 zero;
  const std::string sealed = Seal(zero, "", std::string(64, '\0'));
  ASSERT_EQ(sealed.size(), 80u);
  EXPECT_EQ(HexEncode(AsBytes(sealed).first(64)),
            "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
            "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
}

TEST(Aead, EqualsLibsodiumAtManyLengths) {
  InitCrypto();
  const Secret32 key = RandomSecret();
  for (size_t size : {0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 1000, 70000}) {
    for (size_t aad_size : {0, 1, 16, 40, 4096}) {
      const std::string plain = Pattern(size);
      const std::string aad = Pattern(aad_size);
      EXPECT_EQ(Seal(key, aad, plain), SealWithSodium(key, aad, plain))
          << size << " " << aad_size;
    }
  }
}

TEST(Aead, AppendsAndOpens) {
  const Secret32 key = RandomSecret();
  std::string out = "header";
  SealOnce(key.view(), AsBytes("aad"), AsBytes("plain"), out);
  ASSERT_EQ(out.size(), 6 + 5 + kAeadTagBytes);
  EXPECT_EQ(out.substr(0, 6), "header");
  absl::StatusOr<std::string> plain =
      OpenOnce(key.view(), AsBytes("aad"), AsBytes(out).subspan(6));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain, "plain");
}

TEST(Aead, OpensAnEmptyMessage) {
  const Secret32 key = RandomSecret();
  const std::string sealed = Seal(key, "", "");
  EXPECT_EQ(sealed.size(), kAeadTagBytes);
  absl::StatusOr<std::string> plain = OpenOnce(key.view(), {}, AsBytes(sealed));
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(*plain, "");
}

TEST(Aead, RefusesEveryFlippedBit) {
  const Secret32 key = RandomSecret();
  const std::string sealed = Seal(key, "aad", "some plain text");
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(
        OpenOnce(key.view(), AsBytes("aad"), AsBytes(changed)).status().code(),
        absl::StatusCode::kDataLoss)
        << bit;
  }
}

TEST(Aead, RefusesEveryTruncation) {
  const Secret32 key = RandomSecret();
  const std::string sealed = Seal(key, "aad", "some plain text");
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(OpenOnce(key.view(), AsBytes("aad"), AsBytes(sealed).first(size))
                  .status()
                  .code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(Aead, RefusesOtherKeyOrAssociatedData) {
  const Secret32 key = RandomSecret();
  const std::string sealed = Seal(key, "aad", "plain");
  for (absl::string_view aad : {"", "aae", "aa", "aadx"}) {
    EXPECT_FALSE(OpenOnce(key.view(), AsBytes(aad), AsBytes(sealed)).ok());
  }
  const Secret32 other = RandomSecret();
  EXPECT_FALSE(OpenOnce(other.view(), AsBytes("aad"), AsBytes(sealed)).ok());
}

}  // namespace
}  // namespace nightsafe
