#include "server/journal/journal_reader.h"
#include "tests/unit/server/journal/journal_test_base.h"

namespace nightsafe {
namespace {

// "init", "second" and "third" are as long as this in their segments.
constexpr size_t kShortRecordBytes = 56;

class JournalDamageTest : public JournalTest {
 protected:
  // Three segments; the last has two appends, over several sectors.
  void SetUp() override {
    options_.allocation_bytes = 2048;
    ASSERT_TRUE(Create({"init"}).ok());
    ASSERT_TRUE(MustOpen()->Append("second").ok());
    auto writer = MustOpen();
    ASSERT_TRUE(writer->Append("third").ok());
    const Records group = {std::string(600, 'g'), "h"};
    ASSERT_TRUE(writer->Append(group).ok());
    end_ = writer->position().offset;
    all_ = ReadAll().records;
    ASSERT_EQ(all_.size(), 5u);
  }

  void ExpectDataLoss(const std::string& reason) {
    const Read read = ReadAll();
    EXPECT_TRUE(absl::IsDataLoss(read.status)) << read.status;
    EXPECT_NE(read.status.message().find(reason), std::string::npos)
        << read.status;
    EXPECT_TRUE(absl::IsDataLoss(Open().status()));
  }

  void Zero(uint32_t segment, size_t begin, size_t end) {
    std::string bytes = Bytes(segment);
    bytes.replace(begin, end - begin, end - begin, '\0');
    SetBytes(segment, bytes);
  }

  Records all_;
  uint64_t end_ = 0;  // of what counts in the last segment
};

TEST_F(JournalDamageTest, EveryTruncationOfTheLastSegmentKeepsAPrefix) {
  const std::string whole = Bytes(3);
  size_t seen = 5;
  for (size_t length = whole.size(); length >= kSegmentHeaderBytes; --length) {
    SetBytes(3, whole.substr(0, length));
    const Read read = ReadAll();
    ASSERT_TRUE(read.status.ok()) << length << ": " << read.status;
    ASSERT_LE(read.records.size(), seen);
    seen = read.records.size();
    ASSERT_TRUE(
        std::equal(read.records.begin(), read.records.end(), all_.begin()));
    ASSERT_EQ(read.contents.torn_tail,
              length > read.contents.end.offset && length < end_)
        << length;
  }
  EXPECT_EQ(seen, 2u);
  for (size_t length = 0; length < kSegmentHeaderBytes; ++length) {
    SetBytes(3, whole.substr(0, length));
    EXPECT_TRUE(absl::IsDataLoss(ReadAll().status)) << length;
  }
}

// As a preallocated file looks after a power cut.
TEST_F(JournalDamageTest, EveryZeroedEndOfTheLastSegmentKeepsAPrefix) {
  const std::string whole = Bytes(3);
  size_t seen = 5;
  for (size_t length = whole.size(); length >= kSegmentHeaderBytes; --length) {
    Zero(3, length, whole.size());
    const Read read = ReadAll();
    ASSERT_TRUE(read.status.ok()) << length << ": " << read.status;
    ASSERT_LE(read.records.size(), seen);
    seen = read.records.size();
  }
  EXPECT_EQ(seen, 2u);
}

TEST_F(JournalDamageTest, SectorsOfOneAppendMayArriveInAnyOrder) {
  Zero(3, kSegmentHeaderBytes + kShortRecordBytes, 512);
  const Read read = ReadAll();
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.records.size(), 3u);
  EXPECT_TRUE(read.contents.torn_tail);
}

TEST_F(JournalDamageTest, UnwrittenSectorBeforeALaterAppendIsNoTornTail) {
  auto writer = MustOpen();
  ASSERT_TRUE(writer->Append(std::string(1500, 'a')).ok());
  ASSERT_TRUE(writer->Append("b").ok());
  Zero(4, 512, 1024);
  ExpectDataLoss("00000004.seg");
}

TEST_F(JournalDamageTest, EveryFlippedBitIsFoundOrIgnored) {
  for (uint32_t segment = 1; segment <= 3; ++segment) {
    const std::string whole = Bytes(segment);
    // The complement's last byte of a record that was never begun: not zero
    // looks like one that was, so it counts too.
    const size_t counts = segment < 3 ? kSegmentHeaderBytes + kShortRecordBytes
                                      : static_cast<size_t>(end_);
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
      const size_t at = bit / 8;
      if (at > counts + 64 && at % 64 != 0) continue;
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (bit % 8)));
      SetBytes(segment, bytes);
      const Read read = ReadAll();
      if (at < counts || (segment == 3 && at == counts + 7)) {
        ASSERT_TRUE(absl::IsDataLoss(read.status)) << segment << " " << bit;
      } else {
        ASSERT_TRUE(read.status.ok()) << segment << " " << bit << read.status;
        ASSERT_EQ(read.records, all_);
      }
    }
    SetBytes(segment, whole);
  }
}

TEST_F(JournalDamageTest, EarlierSegmentTornIsRefused) {
  const std::string whole = Bytes(2);
  for (size_t length = 0; length < kSegmentHeaderBytes + kShortRecordBytes;
       ++length) {
    SetBytes(2, whole.substr(0, length));
    ASSERT_TRUE(absl::IsDataLoss(ReadAll().status)) << length;
  }
  ExpectDataLoss("00000002.seg");
}

TEST_F(JournalDamageTest, BytesBehindTheAcceptedLengthAreIgnored) {
  const std::string counts =
      Bytes(2).substr(0, kSegmentHeaderBytes + kShortRecordBytes);
  for (const char* rest : {"", "garbage", "garbage longer than a header"}) {
    SetBytes(2, counts + rest);
    EXPECT_EQ(ReadAll().records, all_);
  }
}

// The tail of a dead run stays ignored even if it turns out to be whole.
TEST_F(JournalDamageTest, RecordThatWasNotAcceptedNeverComesBack) {
  const std::string whole = Bytes(3);
  SetBytes(3, whole.substr(0, end_ - 10));
  ASSERT_EQ(ReadAll().records.size(), 4u);
  EXPECT_TRUE(MustOpen()->found_torn_tail());
  ASSERT_TRUE(MustOpen()->Append("new").ok());
  SetBytes(3, whole);
  const Read read = ReadAll();
  ASSERT_TRUE(read.status.ok()) << read.status;
  ASSERT_EQ(read.records.size(), 5u);
  EXPECT_EQ(read.records.back(), "new");
}

TEST_F(JournalDamageTest, MissingOrSwappedSegmentIsRefused) {
  ASSERT_TRUE(posix_->Rename(SegmentPath(2), Dir() + "/kept").ok());
  ExpectDataLoss("00000002.seg");
  ASSERT_TRUE(posix_->Rename(SegmentPath(3), SegmentPath(2)).ok());
  ExpectDataLoss("00000003.seg is missing");
  ASSERT_TRUE(posix_->Unlink(absl::StrCat(Dir(), "/", kNewestFileName)).ok());
  ExpectDataLoss("00000002.seg");
}

TEST_F(JournalDamageTest, MissingLastSegmentIsRefusedUntilItIsGivenUp) {
  const std::string newest = absl::StrCat(Dir(), "/", kNewestFileName);
  ASSERT_TRUE(posix_->Unlink(SegmentPath(3)).ok());
  ExpectDataLoss(SegmentPath(3));
  ExpectDataLoss(newest);
  ASSERT_TRUE(posix_->Unlink(newest).ok());
  EXPECT_EQ(ReadAll().records, (Records{"init", "second"}));
}

TEST_F(JournalDamageTest, DamagedOrOlderNameOfTheNewestSaysNothing) {
  for (const std::string& text :
       {EncodeNewest(1), std::string(), std::string("00000009.seg 00000000\n"),
        std::string(1000, '9'), EncodeNewest(4).substr(0, 20)}) {
    ASSERT_TRUE(WriteFileDurably(*posix_,
                                 absl::StrCat(Dir(), "/", kNewestFileName),
                                 AsBytes(text), 0600)
                    .ok());
    EXPECT_EQ(ReadAll().records, all_) << text;
  }
}

TEST_F(JournalDamageTest, BrokenChainIsFound) {
  // A whole segment with right checksums that follows another history.
  SegmentHeader header = DecodeSegmentHeader(AsBytes(Bytes(3))).value();
  const std::string good = EncodeSegmentHeader(header);
  std::string bytes = good;
  EncodeJournalRecord(AsBytes("forged"), SegmentSeed(AsBytes(good)),
                      kSegmentHeaderBytes, Hash32{}, bytes);
  SetBytes(3, bytes);
  ExpectDataLoss("chain");
  header.previous_chain[0] ^= std::byte{1};
  SetBytes(3, EncodeSegmentHeader(header));
  ExpectDataLoss("does not continue");
}

TEST_F(JournalDamageTest, RecordOfAnotherSegmentIsNoRecord) {
  SetBytes(3, Bytes(3).substr(0, kSegmentHeaderBytes) +
                  Bytes(2).substr(kSegmentHeaderBytes));
  ExpectDataLoss("00000003.seg");
}

TEST_F(JournalDamageTest, OtherOwnerOrKindIsRefused) {
  JournalIdentity other = Identity();
  other.owner.bytes[31] = std::byte{8};
  EXPECT_TRUE(absl::IsDataLoss(ReadFrom(Dir(), other).status));
  other = Identity();
  other.kind = JournalKind::kServer;
  EXPECT_TRUE(absl::IsDataLoss(ReadFrom(Dir(), other).status));
  EXPECT_EQ(PeekJournalIdentity(*posix_, Dir()).value().owner,
            Identity().owner);
}

TEST_F(JournalDamageTest, UnreadableIsNotDamaged) {
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kRead,
              .path_contains = "00000002.seg"});
  EXPECT_TRUE(absl::IsUnavailable(Open().status()));
  EXPECT_TRUE(Open().ok());
}

}  // namespace
}  // namespace nightsafe
