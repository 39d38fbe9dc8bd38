#include "common/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace nightsafe {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) {
    ascending.push_back(static_cast<char>(i));
    descending.push_back(static_cast<char>(31 - i));
  }
  const std::string zeroes(32, '\0'), ones(32, '\xff');
  for (auto crc : {Crc32c, PortableCrc32c}) {
    EXPECT_EQ(crc(AsBytes(zeroes), 0), 0x8a9136aau);
    EXPECT_EQ(crc(AsBytes(ones), 0), 0x62a8ab43u);
    EXPECT_EQ(crc(AsBytes(ascending), 0), 0x46dd794eu);
    EXPECT_EQ(crc(AsBytes(descending), 0), 0x113fdb5cu);
    EXPECT_EQ(crc(AsBytes("123456789"), 0), 0xe3069283u);
    EXPECT_EQ(crc({}, 0), 0u);
  }
}

TEST(Crc32c, GoesOnFromEveryCut) {
  std::string text;
  for (int i = 0; i < 100; ++i) text.push_back(static_cast<char>(i * 7));
  const ByteView all = AsBytes(text);
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    const uint32_t first = Crc32c(all.first(cut));
    EXPECT_EQ(Crc32c(all.subspan(cut), first), PortableCrc32c(all));
  }
}

}  // namespace
}  // namespace nightsafe
