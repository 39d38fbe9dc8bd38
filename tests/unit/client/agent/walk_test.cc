#include "client/agent/walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "client/agent/entry.h"
#include "common/tree/path_key.h"
#include "tests/support/temporary_directory.h"

namespace nightsafe {
namespace {

namespace fs = std::filesystem;

struct Seen {
  PathKey key;
  bool implied = false;
};

std::vector<Seen> WalkAll(const WalkOptions& options,
                          std::vector<WalkProblem>* problems = nullptr) {
  std::vector<Seen> seen;
  const absl::Status status = Walk(
      options,
      [&seen](const WalkedEntry& walked) {
        seen.push_back(
            {{std::string(walked.directory), std::string(walked.name)},
             walked.implied});
        return absl::OkStatus();
      },
      [problems](const WalkProblem& problem) {
        if (problems != nullptr) problems->push_back(problem);
      });
  EXPECT_TRUE(status.ok()) << status;
  return seen;
}

std::vector<std::string> PathsBelow(const std::vector<Seen>& seen,
                                    const std::string& root) {
  std::vector<std::string> paths;
  for (const Seen& item : seen) {
    const std::string path = JoinPath(item.key.directory, item.key.name);
    if (path.starts_with(root + "/")) {
      paths.push_back(path.substr(root.size() + 1));
    }
  }
  return paths;
}

void Touch(const std::string& path) { std::ofstream file(path); }

TEST(Walk, OrderIsPathKeyOrderForNastyNames) {
  TemporaryDirectory directory;
  const std::vector<std::string> names = {
      "a",    "a ",    "a-b", "a.b",           "a!",   "A",   "\x01",
      "\xff", "\x80x", "z\n", "\xc3\xa9 cafe", "a\tb", "..x", "-rf"};
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string path = directory.path();
    const size_t depth = 1 + random() % 4;
    for (size_t level = 0; level < depth; ++level) {
      path += "/" + names[random() % names.size()];
      std::error_code ignored;
      if (level + 1 < depth) fs::create_directory(path, ignored);
    }
    if (!fs::exists(fs::symlink_status(path))) Touch(path);
  }
  const std::vector<Seen> seen = WalkAll({{directory.path()}, ""});
  ASSERT_GT(seen.size(), 100u);
  for (size_t i = 1; i < seen.size(); ++i) {
    EXPECT_TRUE(seen[i - 1].key < seen[i].key)
        << JoinPath(seen[i - 1].key.directory, seen[i - 1].key.name) << " | "
        << JoinPath(seen[i].key.directory, seen[i].key.name);
  }
  size_t files = 0;
  for (const auto& item : fs::recursive_directory_iterator(directory.path())) {
    (void)item;
    ++files;
  }
  EXPECT_EQ(PathsBelow(seen, directory.path()).size(), files);
}

TEST(Walk, AncestorsOfRootsAreImplied) {
  TemporaryDirectory directory;
  fs::create_directories(directory.Path("a/b"));
  Touch(directory.Path("a/b/file"));
  Touch(directory.Path("a/left-out"));
  const std::vector<Seen> seen = WalkAll({{directory.Path("a/b")}, ""});
  EXPECT_EQ(seen.front().key, (PathKey{"", ""}));
  for (const Seen& item : seen) {
    const std::string path = JoinPath(item.key.directory, item.key.name);
    EXPECT_EQ(item.implied, !path.starts_with(directory.Path("a/b"))) << path;
  }
  EXPECT_EQ(PathsBelow(seen, directory.path()),
            (std::vector<std::string>{"a", "a/b", "a/b/file"}));
}

TEST(Walk, DoesNotFollowLinksAndLeavesOutTheExcludedDirectory) {
  TemporaryDirectory directory;
  fs::create_directories(directory.Path("real/inner"));
  fs::create_directories(directory.Path("state"));
  Touch(directory.Path("state/secret"));
  fs::create_symlink("real", directory.Path("link"));
  const std::vector<Seen> seen =
      WalkAll({{directory.path()}, directory.Path("state")});
  EXPECT_EQ(PathsBelow(seen, directory.path()),
            (std::vector<std::string>{"link", "real", "state", "real/inner"}));
}

TEST(Walk, GoesDeeperThanItKeepsDescriptors) {
  TemporaryDirectory directory;
  const int keep = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(chdir(directory.path().c_str()), 0);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(mkdir("d", 0755), 0);
    ASSERT_EQ(mkdir("e", 0755), 0);
    ASSERT_EQ(chdir("d"), 0);
  }
  std::vector<WalkProblem> problems;
  const std::vector<Seen> seen = WalkAll({{directory.path()}, ""}, &problems);
  EXPECT_EQ(PathsBelow(seen, directory.path()).size(), 600u);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(fchdir(keep), 0);
  close(keep);
}

TEST(Walk, LeavesOutContentsOfPseudoFileSystems) {
  const std::vector<Seen> seen = WalkAll({{"/proc"}, ""});
  EXPECT_EQ(seen.size(), 2u);  // "/" and "/proc"
}

TEST(Walk, PassesAPseudoFileSystemOnTheWayToARoot) {
  if (!fs::exists("/sys/kernel")) GTEST_SKIP() << "/sys is not mounted";
  EXPECT_FALSE(
      PathsBelow(WalkAll({{"/sys/kernel"}, ""}), "/sys/kernel").empty());
}

TEST(ResolveRoots, ResolvesParentsAndDropsNestedOnes) {
  TemporaryDirectory directory;
  fs::create_directories(directory.Path("real/inner"));
  fs::create_symlink("real", directory.Path("link"));
  const auto roots =
      ResolveRoots({directory.Path("link/inner"), directory.Path("link"),
                    directory.Path("real/inner")});
  ASSERT_TRUE(roots.ok()) << roots.status();
  const std::string base = fs::canonical(directory.path()).string();
  EXPECT_EQ(*roots,
            (std::vector<std::string>{base + "/link", base + "/real/inner"}));
  EXPECT_EQ(*ResolveRoots({"/", directory.path()}),
            std::vector<std::string>{"/"});
}

TEST(ResolveRoots, RefusesRelativeAndAbsentOnes) {
  EXPECT_TRUE(absl::IsInvalidArgument(ResolveRoots({"usr"}).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(ResolveRoots({"/no/such/place"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ResolveRoots({}).status()));
}

}  // namespace
}  // namespace nightsafe
