#include "server/store/index_codec.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(IndexCodec, LocationRoundTrips) {
  for (ObjectKind kind :
       {ObjectKind::kData, ObjectKind::kNode, ObjectKind::kManifest}) {
    const ObjectLocation location{.offset = uint64_t{1} << 40,
                                  .length = 77,
                                  .kind = kind,
                                  .closed_generation = 3};
    const auto read = DecodeLocation(AsBytes(EncodeLocation(location)));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, location);
  }
}

TEST(IndexCodec, RefusesKindsThatThereAreNot) {
  const std::string value = EncodeLocation({.length = 77});
  const size_t kind = 16 + 8 + 4;
  for (char wrong : {'\0', '\x04', '\xff'}) {
    std::string bad = value;
    bad[kind] = wrong;
    EXPECT_TRUE(absl::IsDataLoss(DecodeLocation(AsBytes(bad)).status()));
  }
}

TEST(IndexCodec, RefusesOtherLengths) {
  const std::string value = EncodeLocation({.length = 77});
  for (size_t length = 0; length < value.size(); ++length) {
    EXPECT_TRUE(absl::IsDataLoss(
        DecodeLocation(AsBytes(value).first(length)).status()));
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeLocation(AsBytes(value + "x")).status()));
}

}  // namespace
}  // namespace nightsafe
