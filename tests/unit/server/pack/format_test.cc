#include "server/pack/format.h"

#include <gtest/gtest.h>

#include <tuple>

namespace nightsafe {
namespace {

Toc SmallToc() {
  Toc toc{.pack_class = PackClass::kNode, .pack_length = 400};
  toc.vault.bytes.fill(std::byte{1});
  toc.pack.bytes.fill(std::byte{2});
  for (uint8_t i = 0; i < 2; ++i) {
    PackEntry entry{.offset = 141u + i * 100u,
                    .length = 30,
                    .kind = ObjectKind::kManifest,
                    .domain_number = 7,
                    .writer = 8};
    entry.id.bytes.fill(std::byte{i});
    toc.entries.push_back(entry);
  }
  return toc;
}

TEST(Toc, RoundTripsAndEveryCutAndFlippedBitIsFound) {
  const std::string bytes = EncodeToc(SmallToc());
  EXPECT_EQ(DecodeToc(AsBytes(bytes)).value(), SmallToc());
  EXPECT_TRUE(DecodeToc(AsBytes(EncodeToc(Toc{}))).ok());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeToc(AsBytes(bytes).first(length)).status()));
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(DecodeToc(AsBytes(flipped)).status())) << bit;
  }
}

TEST(Toc, EntriesMustLieApartAndWithinThePack) {
  for (auto [offset, length, ok] :
       {std::tuple<uint64_t, uint32_t, bool>{140, 30, false},
        {141, 36, false},
        {141, 35, true},
        {141, 7, false},
        {212, 30, false},
        {UINT64_MAX - 8, 30, false}}) {
    Toc toc = SmallToc();
    toc.entries[0].offset = offset;
    toc.entries[0].length = length;
    EXPECT_EQ(DecodeToc(AsBytes(EncodeToc(toc))).ok(), ok) << offset;
  }
  Toc toc = SmallToc();
  toc.pack_length = 270;
  EXPECT_FALSE(DecodeToc(AsBytes(EncodeToc(toc))).ok());
}

TEST(PackNames, AreHexAndNothingElse) {
  PackId pack;
  pack.bytes.fill(std::byte{0xab});
  EXPECT_EQ(PackFileName(pack), "abababababababababababababababab.pack");
  EXPECT_EQ(ParsePackFileName(PackFileName(pack)), pack);
  EXPECT_EQ(ParseTocFileName(TocFileName(pack)), pack);
  EXPECT_FALSE(ParsePackFileName(TocFileName(pack)));
  EXPECT_FALSE(ParsePackFileName("ABababababababababababababababab.pack"));
  EXPECT_FALSE(ParsePackFileName(PackFileName(pack) + ".tmp.1.0"));
  EXPECT_FALSE(ParsePackFileName(""));
}

}  // namespace
}  // namespace nightsafe
