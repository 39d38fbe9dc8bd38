#include "common/chunk/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

std::vector<size_t> ChunkLengths(const Chunker& chunker, ByteView segment) {
  std::vector<size_t> lengths;
  while (!segment.empty()) {
    lengths.push_back(chunker.NextCut(segment, /*at_end=*/true));
    segment = segment.subspan(lengths.back());
  }
  return lengths;
}

// As a reader does: a buffer filled by reads of random lengths, asked often.
std::vector<size_t> StreamedLengths(const Chunker& chunker, ByteView segment,
                                    size_t max_read, std::mt19937& random) {
  std::vector<size_t> lengths;
  size_t begin = 0, end = 0;
  while (begin < segment.size()) {
    const size_t cut = chunker.NextCut(segment.subspan(begin, end - begin),
                                       /*at_end=*/end == segment.size());
    if (cut != 0) {
      lengths.push_back(cut);
      begin += cut;
    } else {
      EXPECT_LT(end, segment.size()) << "undecided at the end";
      EXPECT_LT(end - begin, kMaxChunkBytes + kMinChunkBytes) << "undecided";
      end = std::min(segment.size(), end + 1 + random() % max_read);
    }
  }
  return lengths;
}

// The rule by its definition, from the 64 bytes before each position.
size_t SlowCut(const DomainKeys& keys, ByteView segment) {
  const SipHash sip(keys.cut_key.view());
  for (size_t cut = kMinChunkBytes;
       cut + kMinChunkBytes <= segment.size() && cut <= kMaxChunkBytes; ++cut) {
    uint64_t gear = 0;
    for (std::byte b : segment.subspan(cut - 64, 64)) {
      gear = 2 * gear + keys.gear_table[std::to_integer<size_t>(b)];
    }
    // 2^64 / 750, rounded down.
    if (gear < uint64_t{1} << 54 && sip(gear) < 24595658764946068u) return cut;
  }
  if (segment.size() <= kMaxChunkBytes) return segment.size();
  return std::min(kMaxChunkBytes, segment.size() - kMinChunkBytes);
}

TEST(Chunker, FollowsTheDefinition) {
  const DomainKeys keys = TestDomainKeys('k');
  const Chunker chunker(keys);
  const std::string bytes = PseudoRandomBytes(12 << 20, 1);
  for (ByteView rest = AsBytes(bytes); !rest.empty();) {
    const size_t cut = chunker.NextCut(rest, /*at_end=*/true);
    ASSERT_EQ(cut, SlowCut(keys, rest));
    rest = rest.subspan(cut);
  }
}

TEST(Chunker, CutsDoNotDependOnBuffers) {
  const DomainKeys keys = TestDomainKeys('k');
  const Chunker chunker(keys);
  const unsigned seed = 42;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 40; ++round) {
    const std::string bytes =
        PseudoRandomBytes(random() % (10 << 20), random());
    const std::vector<size_t> whole = ChunkLengths(chunker, AsBytes(bytes));
    const size_t max_read = size_t{1} << (17 + random() % 7);
    ASSERT_EQ(StreamedLengths(chunker, AsBytes(bytes), max_read, random), whole)
        << "round " << round;
  }
}

TEST(Chunker, KeepsItsLimits) {
  const DomainKeys keys = TestDomainKeys('k');
  const Chunker chunker(keys);
  std::mt19937_64 random(3);
  for (int round = 0; round < 30; ++round) {
    // Zeroes have no cut point, or one everywhere.
    std::string bytes = round % 2 == 0 ? PseudoRandomBytes(9 << 20, random())
                                       : std::string(9 << 20, '\0');
    bytes.resize(random() % bytes.size());
    size_t left = bytes.size();
    for (size_t length : ChunkLengths(chunker, AsBytes(bytes))) {
      EXPECT_LE(length, kMaxChunkBytes);
      left -= length;
      if (left != 0) {
        EXPECT_GE(length, kMinChunkBytes);
        EXPECT_GE(left, kMinChunkBytes) << "a cut in the tail";
      }
    }
    EXPECT_EQ(left, 0u);
  }
}

TEST(Chunker, EndsNearTheLimitsOfASegment) {
  const DomainKeys keys = TestDomainKeys('k');
  const Chunker chunker(keys);
  const std::string bytes(kMaxChunkBytes + kMinChunkBytes + 1, '\0');
  const auto cut = [&](size_t length, bool at_end) {
    return chunker.NextCut(AsBytes(bytes).first(length), at_end);
  };
  EXPECT_EQ(cut(1, true), 1u);
  EXPECT_EQ(cut(1, false), 0u);
  EXPECT_EQ(cut(kMaxChunkBytes, true), kMaxChunkBytes);
  EXPECT_EQ(cut(kMaxChunkBytes + 1, true), kMaxChunkBytes + 1 - kMinChunkBytes);
  EXPECT_EQ(cut(kMaxChunkBytes + kMinChunkBytes - 1, false), 0u);
  EXPECT_EQ(cut(kMaxChunkBytes + kMinChunkBytes, false), kMaxChunkBytes);
  EXPECT_EQ(cut(kMaxChunkBytes + kMinChunkBytes + 1, true), kMaxChunkBytes);
}

TEST(Chunker, InsertionHeals) {
  const DomainKeys keys = TestDomainKeys('k');
  const Chunker chunker(keys);
  const std::string bytes = PseudoRandomBytes(64 << 20, 5);
  std::vector<size_t> before = ChunkLengths(chunker, AsBytes(bytes));
  std::vector<size_t> after =
      ChunkLengths(chunker, AsBytes("inserted" + bytes));
  std::reverse(before.begin(), before.end());
  std::reverse(after.begin(), after.end());
  const auto [a, b] =
      std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  EXPECT_LE(before.end() - a, 8);
}

TEST(Chunker, MeanIsOneMebibyteAndKeyed) {
  const std::string bytes = PseudoRandomBytes(256 << 20, 6);
  const DomainKeys keys = TestDomainKeys('k');
  const DomainKeys other_keys = TestDomainKeys('l');
  const std::clock_t start = std::clock();
  const std::vector<size_t> lengths =
      ChunkLengths(Chunker(keys), AsBytes(bytes));
  const double seconds = static_cast<double>(std::clock() - start) /
                         static_cast<double>(CLOCKS_PER_SEC);
  RecordProperty(
      "gb_per_cpu_second",
      absl::StrCat(static_cast<double>(bytes.size()) / 1e9 / seconds));
  EXPECT_GT(lengths.size(), 256u * 8 / 10);
  EXPECT_LT(lengths.size(), 256u * 12 / 10);
  EXPECT_NE(ChunkLengths(Chunker(other_keys), AsBytes(bytes)), lengths);
}

}  // namespace
}  // namespace nightsafe
