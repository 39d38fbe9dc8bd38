#include "common/base/ids.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(Id, HexRoundTrip) {
  const std::string hex = std::string(62, '0') + "7f";
  absl::StatusOr<ObjectId> id = ObjectId::FromHex(hex);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->Hex(), hex);
  EXPECT_EQ(id->bytes[31], std::byte{0x7f});
}

TEST(Id, RefusesOtherLengthsAndOtherCharacters) {
  EXPECT_FALSE(ObjectId::FromHex("00").ok());
  EXPECT_FALSE(ObjectId::FromHex(std::string(63, '0')).ok());
  EXPECT_FALSE(ObjectId::FromHex(std::string(64, 'g')).ok());
  EXPECT_FALSE(ObjectId::FromBytes(AsBytes("short")).ok());
}

TEST(Id, OrdersAsUnsignedBytes) {
  ObjectId low, high;
  low.bytes[0] = std::byte{0x7f};
  high.bytes[0] = std::byte{0x80};
  EXPECT_LT(low, high);
}

}  // namespace
}  // namespace nightsafe
