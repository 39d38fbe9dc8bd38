#include "common/crypto/siphash.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/cursor.h"
#include "common/base/ids.h"

namespace nightsafe {
namespace {

std::array<std::byte, 16> CountingKey() {
  std::array<std::byte, 16> key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

std::string Counting(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

// From vectors.h of the reference implementation (vectors_sip64): key
// 00 01 .. 0f, message 00 01 .. of the length of the vector's number.
TEST(SipHash, FollowsTheReferenceVectors) {
  const struct {
    size_t size;
    absl::string_view hash;
  } vectors[] = {
      {0, "310e0edd47db6f72"},  {1, "fd67dc93c539f874"},
      {2, "5a4fa9d909806c0d"},  {7, "37d1018bf50002ab"},
      {8, "6224939a79f5f593"},  {9, "b0e4a90bdf82009e"},
      {15, "e545be4961ca29a1"}, {16, "db9bc2577fcc2a3f"},
      {63, "724506eb4c328a95"},
  };
  const SipHash hash(CountingKey());
  for (const auto& vector : vectors) {
    std::string value;
    PutU64(hash(AsBytes(Counting(vector.size))), value);
    EXPECT_EQ(HexEncode(AsBytes(value)), vector.hash) << vector.size;
  }
}

TEST(SipHash, TakesAnIntegerAsItsLittleEndianBytes) {
  const SipHash hash(CountingKey());
  EXPECT_EQ(hash(uint64_t{0x0706050403020100}), hash(AsBytes(Counting(8))));
}

TEST(SipHash, DependsOnItsKey) {
  std::array<std::byte, 16> other = CountingKey();
  other[15] ^= std::byte{1};
  EXPECT_NE(SipHash(CountingKey())(uint64_t{1}), SipHash(other)(uint64_t{1}));
}

}  // namespace
}  // namespace nightsafe
