#include <gtest/gtest.h>

#include "server/journal/format.h"

namespace nightsafe {
namespace {

TEST(JournalFormat, HeaderRoundTripsAndEveryFlippedBitIsFound) {
  SegmentHeader header{.kind = JournalKind::kServer,
                       .number = 9,
                       .previous_length = 1234,
                       .first_sequence = 77};
  header.owner.bytes.fill(std::byte{3});
  header.previous_chain.fill(std::byte{4});
  const std::string bytes = EncodeSegmentHeader(header);
  const SegmentHeader decoded = DecodeSegmentHeader(AsBytes(bytes)).value();
  EXPECT_EQ(decoded.kind, header.kind);
  EXPECT_EQ(decoded.owner, header.owner);
  EXPECT_EQ(decoded.number, 9u);
  EXPECT_EQ(decoded.previous_length, 1234u);
  EXPECT_EQ(decoded.previous_chain, header.previous_chain);
  EXPECT_EQ(decoded.first_sequence, 77u);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeSegmentHeader(AsBytes(flipped)).status()))
        << bit;
  }
}

TEST(JournalFormat, FramesAreAlignedAndEndInTheMark) {
  for (size_t length = 1; length < 40; ++length) {
    std::string out;
    EncodeJournalRecord(AsBytes(std::string(length, '\0')), 1, 96, Hash32{},
                        out);
    EXPECT_EQ(out.size(), FramedRecordBytes(length));
    EXPECT_EQ(out.size() % kJournalAlignment, 0u);
    EXPECT_GT(out.size(), kJournalRecordHeaderBytes + length);
    EXPECT_EQ(static_cast<std::byte>(out.back()), kJournalEndMark);
  }
}

TEST(JournalFormat, WithheldRecordLeavesTheChainCheckable) {
  const Hash32 genesis = JournalGenesis(JournalKind::kVault, {});
  const Hash32 hash = HashOf(AsBytes("withheld"));
  std::string joined;
  AppendBytes(genesis, joined);
  AppendBytes(hash, joined);
  EXPECT_EQ(NextChain(genesis, hash), HashOf(AsBytes(joined)));
  EXPECT_NE(JournalGenesis(JournalKind::kServer, {}), genesis);
}

}  // namespace
}  // namespace nightsafe
