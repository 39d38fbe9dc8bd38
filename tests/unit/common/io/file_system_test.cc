#include "common/io/file_system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/io/durable_file.h"
#include "tests/support/faulty_file_system.h"

namespace nightsafe {
namespace {

class FileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(testing::TempDir(), "/io.XXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  std::string Path(absl::string_view name) {
    return absl::StrCat(dir_, "/", name);
  }
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  std::string dir_;
};

TEST_F(FileSystemTest, WritesReadsAndReportsTheEnd) {
  auto file = fs_->Create(Path("a"), 0600);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->WriteAt(3, AsBytes("hello")).ok());
  ASSERT_TRUE((*file)->SyncData().ok());
  std::string buffer(16, 'x');
  EXPECT_EQ((*file)->ReadAt(3, AsMutableBytes(buffer)).value(), 5u);
  EXPECT_EQ(buffer.substr(0, 5), "hello");
  EXPECT_EQ((*file)->Size().value(), 8u);
}

TEST_F(FileSystemTest, CreateAndRenameNeverReplace) {
  ASSERT_TRUE(WriteFileDurably(*fs_, Path("a"), AsBytes("one"), 0600).ok());
  ASSERT_TRUE(WriteFileDurably(*fs_, Path("b"), AsBytes("two"), 0600).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(fs_->Create(Path("a"), 0600).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(fs_->Rename(Path("a"), Path("b"))));
  EXPECT_TRUE(absl::IsAlreadyExists(
      CreateFileDurably(*fs_, Path("b"), AsBytes("three"), 0600)));
  EXPECT_EQ(ReadWholeFile(*fs_, Path("b"), 100).value(), "two");
  EXPECT_EQ(fs_->List(dir_).value(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(FileSystemTest, DurableFileHasItsModeAndReplaces) {
  ASSERT_TRUE(WriteFileDurably(*fs_, Path("key"), AsBytes("old"), 0600).ok());
  ASSERT_TRUE(WriteFileDurably(*fs_, Path("key"), AsBytes("new"), 0600).ok());
  struct stat info;
  ASSERT_EQ(::stat(Path("key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(ReadWholeFile(*fs_, Path("key"), 100).value(), "new");
}

// As a killed process leaves them, whose id this one got again.
TEST_F(FileSystemTest, StaleTemporaryFilesAreReplaced) {
  for (int i = 0; i < 1000; ++i) {
    const std::string stale =
        Path("a.tmp.") + std::to_string(::getpid()) + "." + std::to_string(i);
    std::ofstream(stale) << "stale";
  }
  EXPECT_TRUE(CreateFileDurably(*fs_, Path("a"), AsBytes("one"), 0600).ok());
  EXPECT_EQ(ReadWholeFile(*fs_, Path("a"), 100).value(), "one");
}

TEST_F(FileSystemTest, ReadWholeFileObeysItsLimit) {
  ASSERT_TRUE(WriteFileDurably(*fs_, Path("a"), AsBytes("12345"), 0600).ok());
  EXPECT_EQ(ReadWholeFile(*fs_, Path("a"), 4).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::IsNotFound(ReadWholeFile(*fs_, Path("b"), 4).status()));
}

TEST_F(FileSystemTest, LockIsExclusiveUntilDropped) {
  auto lock = fs_->Lock(Path("LOCK"));
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(fs_->Lock(Path("LOCK")).status()));
  lock->reset();
  EXPECT_TRUE(fs_->Lock(Path("LOCK")).ok());
}

TEST_F(FileSystemTest, AllocateReservesZeroes) {
  auto file = fs_->Create(Path("a"), 0600);
  ASSERT_TRUE((*file)->Allocate(4096).ok());
  EXPECT_EQ(ReadExactly(**file, 4000, 96).value(), std::string(96, '\0'));
  EXPECT_EQ(ReadExactly(**file, 4090, 96).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(FileSystemTest, MakesNestedDirectories) {
  ASSERT_TRUE(MakeDirectoriesDurably(*fs_, Path("x/y/z"), 0700).ok());
  EXPECT_TRUE(fs_->Stat(Path("x/y/z")).value().is_directory);
}

// One made by a run that was killed before it could sync the parent.
TEST_F(FileSystemTest, MakeDirectoriesSyncsTheParentOfOneThatIsThere) {
  ASSERT_TRUE(fs_->MakeDirectory(Path("x"), 0700).ok());
  FaultyFileSystem counting(*fs_);
  ASSERT_TRUE(MakeDirectoriesDurably(counting, Path("x"), 0700).ok());
  EXPECT_EQ(counting.calls(FileOperation::kSyncDirectory), 1u);
  EXPECT_EQ(counting.mutating_calls(), 1u);
}

}  // namespace
}  // namespace nightsafe
