// server/journal/FORMAT.md and tests/vectors/journal against the code.
#include <gtest/gtest.h>

#include <vector>

#include "server/journal/format.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

absl::StatusOr<SegmentEnd> Walk(const std::string& segment,
                                std::vector<std::string>& records) {
  return WalkLastSegment(AsBytes(segment),
                         DecodeSegmentHeader(AsBytes(segment)).value(),
                         [&](ByteView record, const JournalPosition&) {
                           records.emplace_back(AsText(record));
                           return absl::OkStatus();
                         });
}

TEST(JournalVectors, WorkedExampleIsWhatTheCodeSays) {
  auto example = ReadFormatExample("server/journal/FORMAT.md");
  const SegmentHeader header =
      DecodeSegmentHeader(AsBytes(example["header"])).value();
  EXPECT_EQ(header.previous_chain, JournalGenesis(header.kind, header.owner));
  EXPECT_EQ(EncodeSegmentHeader(header), example["header"]);
  Hash32 chain = header.previous_chain;
  std::string segment = example["header"];
  for (const auto& [name, text] :
       {std::pair("record1", "first"), {"record2", "second record"}}) {
    chain = NextChain(chain, HashOf(AsBytes(text)));
    std::string framed;
    EncodeJournalRecord(AsBytes(text), SegmentSeed(AsBytes(segment)),
                        static_cast<uint32_t>(segment.size()), chain, framed);
    EXPECT_EQ(framed, example[name]);
    segment += framed;
  }
  std::vector<std::string> records;
  EXPECT_EQ(Walk(segment, records)->chain, chain);
  EXPECT_EQ(records, (std::vector<std::string>{"first", "second record"}));
}

TEST(JournalVectors, DamagedSegmentsGiveWhatTheySaid) {
  auto values = ReadHexFile("tests/vectors/journal/values");
  std::vector<std::string> records;
  EXPECT_FALSE(Walk(values.at("whole"), records)->torn);
  EXPECT_EQ(records.size(), 2u);
  records.clear();
  EXPECT_TRUE(Walk(values.at("torn"), records)->torn);
  EXPECT_EQ(records, std::vector<std::string>{"first"});
  for (const char* name : {"last record flipped", "first record flipped",
                           "acknowledged record zeroed"}) {
    EXPECT_TRUE(absl::IsDataLoss(Walk(values.at(name), records).status()))
        << name;
  }
}

}  // namespace
}  // namespace nightsafe
