#include "common/chunk/bundler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "common/chunk/chunker.h"

namespace nightsafe {
namespace {

Fingerprint Drawing(uint64_t draw) {
  Fingerprint content;
  for (size_t i = 0; i < 8; ++i) {
    content.bytes[i] = static_cast<std::byte>(draw >> (8 * i));
  }
  return content;
}

constexpr uint64_t kNever = ~uint64_t{0};
constexpr size_t kFile = 128 << 10;

TEST(BundleRule, NeverEndsBelowHalfTheTarget) {
  BundleRule rule;
  EXPECT_FALSE(rule.EndsAfter(Drawing(0), kFile));
  EXPECT_EQ(rule.total_bytes(), kFile);
  EXPECT_TRUE(rule.EndsAfter(Drawing(0), kFile));
  EXPECT_EQ(rule.total_bytes(), 0u);
}

TEST(BundleRule, DrawIsComparedExactly) {
  // 2 · size / target = 1/2.
  for (const auto& [draw, ends] :
       {std::pair<uint64_t, bool>{(uint64_t{1} << 63) - 1, true},
        std::pair<uint64_t, bool>{uint64_t{1} << 63, false}}) {
    BundleRule rule;
    EXPECT_FALSE(rule.EndsAfter(Drawing(kNever), kFile));
    EXPECT_EQ(rule.EndsAfter(Drawing(draw), kFile), ends);
  }
}

TEST(BundleRule, EndsPastTwiceTheTarget) {
  BundleRule rule;
  for (size_t total = kFile; total <= 2 * kBundleTargetBytes; total += kFile) {
    EXPECT_FALSE(rule.EndsAfter(Drawing(kNever), kFile)) << total;
  }
  EXPECT_TRUE(rule.EndsAfter(Drawing(kNever), 1));
  EXPECT_EQ(rule.total_bytes(), 0u);
}

TEST(BundleRule, ResetStartsAnew) {
  BundleRule rule;
  rule.EndsAfter(Drawing(kNever), kFile);
  rule.Reset();
  EXPECT_FALSE(rule.EndsAfter(Drawing(0), kFile));
}

TEST(BundleRule, MeanIsNearTheTarget) {
  const unsigned seed = 7;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  BundleRule rule;
  uint64_t bytes = 0, bundles = 0;
  for (int i = 0; i < 200000; ++i) {
    const size_t size = 1 + random() % 30000;
    bytes += size;
    bundles += rule.EndsAfter(Drawing(random()), size);
  }
  const double mean = static_cast<double>(bytes) / static_cast<double>(bundles);
  EXPECT_GT(mean, 0.8 * kBundleTargetBytes);
  EXPECT_LT(mean, 1.2 * kBundleTargetBytes);
}

}  // namespace
}  // namespace nightsafe
