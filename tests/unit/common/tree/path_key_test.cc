#include "common/tree/path_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "common/base/limits.h"

namespace nightsafe {
namespace {

// A directory tree as a walk sees it: children by unsigned bytes of the name.
struct Directory {
  std::map<std::string, std::unique_ptr<Directory>> children;  // null: a file
};

std::string RandomName(std::mt19937& random) {
  static constexpr absl::string_view kAlphabet("!-./0ab\x01\x7f\xff", 10);
  std::string name;
  do {
    name.clear();
    const size_t length = 1 + random() % 3;
    while (name.size() < length) {
      const char c = kAlphabet[random() % kAlphabet.size()];
      if (c != '/') name.push_back(c);
    }
  } while (!IsValidName(name));
  return name;
}

void Grow(std::mt19937& random, int depth, Directory& directory) {
  const size_t count = random() % 6;
  for (size_t i = 0; i < count; ++i) {
    std::unique_ptr<Directory>& child = directory.children[RandomName(random)];
    if (depth > 0 && random() % 2 == 0) {
      child = std::make_unique<Directory>();
      Grow(random, depth - 1, *child);
    }
  }
}

// The definition: the whole listing of a directory, then each child directory.
void Walk(const Directory& directory, const std::string& path,
          std::vector<PathKey>& out) {
  for (const auto& [name, child] : directory.children) {
    out.push_back({path, name});
  }
  for (const auto& [name, child] : directory.children) {
    if (child) Walk(*child, JoinPath(path, name), out);
  }
}

TEST(PathKey, OrderIsWalkOrder) {
  const unsigned seed = 20240817;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    Directory root;
    Grow(random, 4, root);
    std::vector<PathKey> walk = {PathKey{}};
    Walk(root, "", walk);
    std::vector<PathKey> sorted = walk;
    std::shuffle(sorted.begin(), sorted.end(), random);
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, walk) << "round " << round;
  }
}

TEST(PathKey, ComponentsEndBelowEveryByte) {
  EXPECT_TRUE(ComparePaths("/a", "/a/b") < 0);
  EXPECT_TRUE(ComparePaths("/a/b", "/a!") < 0);
  EXPECT_TRUE(ComparePaths("/a/b", "/a\x01") < 0);
  EXPECT_TRUE(ComparePaths("", "/a") < 0);
  EXPECT_TRUE(ComparePaths("/a", "/\xff") < 0);
  EXPECT_TRUE(ComparePaths("/a/b", "/a/b") == 0);
  EXPECT_LT((PathKey{"", "z"}), (PathKey{"/a", "a"}));
  EXPECT_LT((PathKey{"/a", "a"}), (PathKey{"/a", "\xff"}));
}

TEST(PathKey, ParseAndJoinAreInverse) {
  const std::vector<std::pair<std::string, PathKey>> cases = {
      {"/", {"", ""}},
      {"/a", {"", "a"}},
      {"/a/b", {"/a", "b"}},
      {"/...", {"", "..."}},
      {"/a b/\xff\n", {"/a b", "\xff\n"}},
  };
  for (const auto& [path, key] : cases) {
    absl::StatusOr<PathKey> parsed = ParsePath(path);
    ASSERT_TRUE(parsed.ok()) << path;
    EXPECT_EQ(*parsed, key);
    EXPECT_EQ(JoinPath(key.directory, key.name), path);
  }
  EXPECT_EQ(ParsePath("/a/b/").value(), (PathKey{"/a", "b"}));
}

TEST(PathKey, RefusesWhatIsNoPath) {
  for (const std::string& path :
       {std::string(), std::string("a"), std::string("./a"), std::string("//"),
        std::string("/a//b"), std::string("/a/."), std::string("/../a"),
        std::string("/a\0b", 4), "/" + std::string(kMaxNameBytes + 1, 'a')}) {
    EXPECT_EQ(ParsePath(path).status().code(),
              absl::StatusCode::kInvalidArgument)
        << path;
  }
  std::string deep;
  while (deep.size() <= kMaxPathBytes) deep += "/abcdefg";
  EXPECT_FALSE(ParsePath(deep).ok());
}

}  // namespace
}  // namespace nightsafe
