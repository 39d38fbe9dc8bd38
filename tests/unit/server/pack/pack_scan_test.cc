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
      ASSERT_TRUE(absl::IsDataLoss(scan.status)) << bit;
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

TEST_F(PackScanTest, UnreadableIsNotDamaged) {
  Write(kObjects);
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kRead});
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
