#include "common/base/cursor.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(ByteCursor, ReadsWhatWasWritten) {
  std::string bytes;
  PutU8(0xab, bytes);
  PutU16(0x1234, bytes);
  PutU32(0xdeadbeef, bytes);
  PutU64(0x0123456789abcdef, bytes);
  PutLengthPrefixed(AsBytes("tail"), bytes);
  ByteCursor cursor(AsBytes(bytes));
  EXPECT_EQ(cursor.U8(), 0xab);
  EXPECT_EQ(cursor.U16(), 0x1234);
  EXPECT_EQ(cursor.U32(), 0xdeadbeef);
  EXPECT_EQ(cursor.U64(), 0x0123456789abcdef);
  EXPECT_EQ(AsText(cursor.Take(cursor.U32())), "tail");
  EXPECT_TRUE(cursor.Finish("record").ok());
}

TEST(ByteCursor, FailsForGoodPastTheEnd) {
  ByteCursor cursor(AsBytes("abc"));
  EXPECT_EQ(cursor.U32(), 0u);
  EXPECT_EQ(cursor.U8(), 0u);
  EXPECT_EQ(cursor.status("record").code(), absl::StatusCode::kDataLoss);
}

TEST(ByteCursor, RefusesALengthNearTheLargestInteger) {
  ByteCursor cursor(AsBytes("abc"));
  EXPECT_TRUE(cursor.Take(~uint64_t{0}).empty());
  EXPECT_TRUE(cursor.failed());
}

TEST(ByteCursor, FinishRefusesBytesLeftOver) {
  ByteCursor cursor(AsBytes("ab"));
  cursor.U8();
  EXPECT_EQ(cursor.Finish("record").code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace nightsafe
