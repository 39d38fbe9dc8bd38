#include "server/pack/pack_scan.h"

#include <cstring>

#include "tests/unit/server/pack/pack_test_base.h"

namespace nightsafe {
namespace {

using PackScanTest = PackTest;

const std::vector<std::string> kObjects = {"first object", "second object!",
                                           "the third one"};

TEST_F(PackScanTest, FindsEverythingInAWholePack) {
  const std::vector<PackEntry> entries = Write(kObjects);
  const Scan scan = ScanAll();
  ASSERT_TRUE(scan.status.ok()) << scan.status;
  EXPECT_EQ(scan.entries, entries);
  EXPECT_EQ(scan.objects, kObjects);
  EXPECT_EQ(scan.result.identity, identity_);
  EXPECT_EQ(scan.result.records, 3u);
  EXPECT_EQ(scan.result.prefix_length, Bytes().size());
  EXPECT_EQ(scan.result.valid_length, Bytes().size());
  EXPECT_FALSE(scan.result.torn());
  EXPECT_TRUE(scan.result.damaged.empty());
}

TEST_F(PackScanTest, EveryTruncationYieldsTheValidPrefix) {
  const std::vector<PackEntry> entries = Write(kObjects);
  const std::string whole = Bytes();
  for (size_t length = 0; length < whole.size(); ++length) {
    SetBytes(whole.substr(0, length));
    const Scan scan = ScanAll();
    if (length < kPackHeaderBytes) {
      EXPECT_TRUE(absl::IsDataLoss(scan.status)) << length;
      continue;
    }
    ASSERT_TRUE(scan.status.ok()) << length << scan.status;
    uint64_t expected = kPackHeaderBytes;
    size_t count = 0;
    while (count < 3 && entries[count].end() <= length) {
      expected = entries[count++].end();
    }
    EXPECT_EQ(scan.entries.size(), count) << length;
    EXPECT_EQ(scan.result.prefix_length, expected) << length;
    EXPECT_EQ(scan.result.valid_length, expected) << length;
    EXPECT_EQ(scan.result.torn(), length != expected) << length;
  }
}

TEST_F(PackScanTest, FlippedBitLosesItsRecordOnly) {
  const std::vector<PackEntry> entries = Write(kObjects);
  const std::string whole = Bytes();
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    const size_t at = bit / 8;
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (bit % 8)));
    SetBytes(bytes);
    const Scan scan = ScanAll();
    if (at < kPackHeaderBytes) {
      // The first record tells the marker.
      ASSERT_TRUE(scan.status.ok()) << bit << scan.status;
      ASSERT_EQ(scan.entries, entries) << bit;
      continue;
    }
    size_t hit = 0;
    while (entries[hit].end() <= at) ++hit;
    std::vector<PackEntry> expected = entries;
    expected.erase(expected.begin() + static_cast<ptrdiff_t>(hit));
    ASSERT_EQ(scan.entries, expected) << bit;
    const uint64_t before =
        hit == 0 ? kPackHeaderBytes : entries[hit - 1].end();
    ASSERT_EQ(scan.result.prefix_length, before) << bit;
    if (hit == 2) {
      ASSERT_TRUE(scan.result.torn());
    } else {
      ASSERT_FALSE(scan.result.torn());
      ASSERT_EQ(scan.result.damaged.size(), 1u);
      ASSERT_EQ(scan.result.damaged[0].offset, before);
      ASSERT_EQ(scan.result.damaged_bytes, entries[hit].end() - before);
    }
  }
}

TEST_F(PackScanTest, ObjectThatHoldsAForeignRecordIsOneObject) {
  const std::string inner = "an inner object";
  PackIdentity guess = identity_;
  guess.marker.bytes[15] ^= std::byte{1};
  std::string hostile = "........";
  PackEntry fake{.id = ObjectOf(inner).id,
                 .length = static_cast<uint32_t>(inner.size())};
  EncodeRecordHeader(guess.marker, fake, hostile);
  hostile += inner;
  Write({hostile, "next object"});
  std::string bytes = Bytes();
  // Even with its own record's header gone, nothing in it is taken for one.
  for (const char* damage : {"", "x"}) {
    bytes.replace(kPackHeaderBytes, strlen(damage), damage);
    SetBytes(bytes);
    const Scan scan = ScanAll();
    EXPECT_EQ(scan.entries.size(), *damage != 0 ? 1u : 2u);
    for (const PackEntry& entry : scan.entries) EXPECT_NE(entry.id, fake.id);
  }
}

TEST_F(PackScanTest, FromAndLimitBoundIt) {
  const std::vector<PackEntry> entries = Write(kObjects);
  const Scan scan = ScanAll(entries[0].end(), entries[1].end());
  ASSERT_EQ(scan.entries, std::vector{entries[1]});
  EXPECT_EQ(scan.result.prefix_length, entries[1].end());
  EXPECT_FALSE(scan.result.torn());
  EXPECT_TRUE(ScanAll(UINT64_MAX).entries.empty());
}

TEST_F(PackScanTest, LostPagesInTheMiddleAreSkipped) {
  const std::vector<std::string> objects(3, std::string(3 << 20, 'a'));
  const std::vector<PackEntry> entries = Write(objects);
  std::string bytes = Bytes();
  bytes.replace(4096, 5 << 20, 5 << 20, '\0');
  SetBytes(bytes);
  const Scan scan = ScanAll();
  EXPECT_EQ(scan.entries, std::vector{entries[2]});
  EXPECT_EQ(scan.result.prefix_length, kPackHeaderBytes);
  EXPECT_EQ(scan.result.valid_length, entries[2].end());
}

// A marker that stands everywhere must not make the search quadratic.
TEST_F(PackScanTest, MarkerAtEveryByteIsLinear) {
  identity_.marker = {};
  Write({});
  SetBytes(Bytes() + std::string(8 << 20, '\0'));
  const Scan scan = ScanAll();
  EXPECT_TRUE(scan.entries.empty());
  EXPECT_TRUE(scan.result.torn());
}

TEST_F(PackScanTest, HeaderAndFirstRecordDamagedIsDataLoss) {
  Write(kObjects);
  std::string bytes = Bytes();
  bytes[10] ^= 1;
  bytes[kPackHeaderBytes + 20] ^= 1;
  SetBytes(bytes);
  EXPECT_TRUE(absl::IsDataLoss(ScanAll().status));
}

// A file of which some bytes cannot be read.
class BadSectors final : public File {
 public:
  BadSectors(std::unique_ptr<File> base, uint64_t begin, uint64_t end)
      : base_(std::move(base)), begin_(begin), end_(end) {}
  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    if (offset < end_ && offset + out.size() > begin_) {
      return absl::UnavailableError("EIO");
    }
    return base_->ReadAt(offset, out);
  }
  absl::Status WriteAt(uint64_t, ByteView) override {
    return absl::UnavailableError("EIO");
  }
  absl::Status SyncData() override { return absl::UnavailableError("EIO"); }
  void StartWriteback(uint64_t, uint64_t) override {}
  absl::Status Allocate(uint64_t) override {
    return absl::UnavailableError("EIO");
  }
  absl::StatusOr<uint64_t> Size() const override { return base_->Size(); }
  void DropCache() const override {}

 private:
  const std::unique_ptr<File> base_;
  const uint64_t begin_;
  const uint64_t end_;
};

TEST_F(PackScanTest, BadSectorsCostWhatLiesInThem) {
  std::vector<std::string> objects;
  for (int i = 0; i < 400; ++i) {
    objects.push_back(std::string(static_cast<size_t>(7000 + 37 * i), 'a'));
  }
  const std::vector<PackEntry> entries = Write(objects);
  const uint64_t size = Bytes().size();
  for (const uint64_t at :
       {uint64_t{4096}, size / 3 / 4096 * 4096, (size - 1) / 4096 * 4096}) {
    for (const uint64_t length : {uint64_t{4096}, uint64_t{300'000}}) {
      const BadSectors file(fs_.OpenForRead(PackPath()).value(), at,
                            at + length);
      std::vector<PackEntry> found;
      const auto scan =
          ScanPack(file, 0, UINT64_MAX, [&](const PackEntry& entry, ByteView) {
            found.push_back(entry);
            return absl::OkStatus();
          });
      ASSERT_TRUE(scan.ok()) << scan.status();
      EXPECT_TRUE(absl::IsUnavailable(scan->unreadable));
      EXPECT_GT(scan->unreadable_bytes, 0u);
      EXPECT_LE(scan->prefix_length, at);
      size_t readable = 0;
      for (const PackEntry& entry : entries) {
        const bool bad = entry.end() > at &&
                         entry.offset - kPackRecordHeaderBytes < at + length;
        readable += !bad;
      }
      EXPECT_LE(found.size(), readable);
      // A step behind the last failure may pass over what could be read.
      EXPECT_GE(found.size() + (length == 4096 ? 1 : 60), readable);
    }
  }
  const BadSectors file(fs_.OpenForRead(PackPath()).value(), 0, size);
  EXPECT_TRUE(absl::IsUnavailable(
      ScanPack(file, 0, UINT64_MAX, [](const PackEntry&, ByteView) {
        return absl::OkStatus();
      }).status()));
}

TEST_F(PackScanTest, UnreadableIsNotDamaged) {
  Write(kObjects);
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kRead,
              .sticky = true});
  EXPECT_TRUE(absl::IsUnavailable(ScanAll().status));
}

TEST_F(PackScanTest, ErrorOfTheCallbackEndsIt) {
  Write(kObjects);
  auto file = fs_.OpenForRead(PackPath()).value();
  const auto stop = [](const PackEntry&, ByteView) {
    return absl::CancelledError();
  };
  EXPECT_TRUE(absl::IsCancelled(ScanPack(*file, 0, UINT64_MAX, stop).status()));
}

}  // namespace
}  // namespace nightsafe
