// The worked example of common/chunk/FORMAT.md and the frozen vectors: with
// other cut points, data of older backups would be sent once more.
#include <gtest/gtest.h>

#include <random>

#include "common/base/cursor.h"
#include "common/chunk/bundler.h"
#include "common/chunk/chunker.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

using Values = std::map<std::string, std::string>;

DomainKeys KeysOf(const Values& values) {
  return DomainKeys(
      Secret32::FromBytes(AsBytes(values.at("domain secret"))).value());
}

// Lengths of the chunks, u32 each.
std::string ChunkLengths(const DomainKeys& keys, const std::string& bytes) {
  std::string lengths;
  const Chunker chunker(keys);
  for (ByteView rest = AsBytes(bytes); !rest.empty();) {
    const size_t cut = chunker.NextCut(rest, /*at_end=*/true);
    PutU32(static_cast<uint32_t>(cut), lengths);
    rest = rest.subspan(cut);
  }
  return lengths;
}

TEST(ChunkFormat, WorkedExample) {
  const Values values = ReadFormatExample("common/chunk/FORMAT.md");
  const DomainKeys keys = KeysOf(values);
  EXPECT_EQ(AsText(keys.cut_key.view()), values.at("cut key"));
  std::string gear;
  for (size_t i : {0u, 1u, 255u}) PutU64(keys.gear_table[i], gear);
  EXPECT_EQ(gear, values.at("gear table 0, 1, 255"));
  const std::string stream = PseudoRandomBytes(8 << 20, 1);
  EXPECT_EQ(stream.substr(0, 8), values.at("first eight bytes"));
  EXPECT_EQ(ChunkLengths(keys, stream), values.at("chunk lengths"));
}

TEST(ChunkVectors, CutPoints) {
  const Values values = ReadHexFile("tests/vectors/chunk/values");
  EXPECT_EQ(ChunkLengths(KeysOf(values), PseudoRandomBytes(64 << 20, 2)),
            values.at("chunk lengths"));
}

TEST(ChunkVectors, BundleEnds) {
  const Values values = ReadHexFile("tests/vectors/chunk/values");
  std::mt19937_64 random(3);
  BundleRule rule;
  std::string ends;
  for (uint32_t i = 0; i < 5000; ++i) {
    const size_t size = 1 + random() % 20000;
    std::string content;
    PutU64(random(), content);
    content.resize(Fingerprint::kSize);
    if (rule.EndsAfter(Fingerprint::FromValidBytes(AsBytes(content)), size)) {
      PutU32(i, ends);
    }
  }
  EXPECT_EQ(ends, values.at("bundle ends"));
}

}  // namespace
}  // namespace nightsafe
