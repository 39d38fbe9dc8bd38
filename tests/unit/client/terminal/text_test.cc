#include "client/terminal/text.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(Text, Bytes) {
  EXPECT_EQ(ShowBytes(0), "0 B");
  EXPECT_EQ(ShowBytes(1023), "1023 B");
  EXPECT_EQ(ShowBytes(1024), "1.0 KiB");
  EXPECT_EQ(ShowBytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(ShowBytes(~uint64_t{0}), "16.0 EiB");
}

TEST(Text, Durations) {
  EXPECT_EQ(ShowDuration(absl::Seconds(59)), "59 s");
  EXPECT_EQ(ShowDuration(absl::Minutes(192)), "3 h 12 min");
  EXPECT_EQ(ShowDuration(absl::Hours(12 * 24 + 4)), "12 d 4 h");
  EXPECT_EQ(ShowDuration(-absl::Seconds(5)), "0 s");
}

TEST(Text, NamesCannotActOnATerminal) {
  EXPECT_EQ(ShowName("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(ShowName("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(ShowName("line\nbreak"), "line\\x0abreak");
  EXPECT_EQ(ShowName("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(ShowName("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(ShowName("\xe2\x80\xae"
                     "exe"),
            "\\xe2\\x80\\xae"
            "exe");
  EXPECT_EQ(ShowName("\xc3"), "\\xc3");
}

TEST(Text, TableAlignsColumns) {
  EXPECT_EQ(ShowTable({{"ID", "HOST"}, {"abcdef", "w"}}),
            "ID      HOST\nabcdef  w\n");
}

}  // namespace
}  // namespace nightsafe
