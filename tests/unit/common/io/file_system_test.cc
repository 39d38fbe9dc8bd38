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

// Somebody else may write below the root: nothing leads out of it, or to
// another place in it.
class ConfinedFileSystemTest : public FileSystemTest {
 protected:
  void SetUp() override {
    FileSystemTest::SetUp();
    for (const char* name : {"root", "root/ours", "root/theirs", "outside"}) {
      ASSERT_TRUE(fs_->MakeDirectory(Path(name), 0700).ok());
    }
    for (const char* name : {"root/ours/pack", "outside/pack"}) {
      ASSERT_TRUE(WriteFileDurably(*fs_, Path(name), AsBytes(name), 0600).ok());
    }
    auto confined = NewConfinedFileSystem(Path("root"));
    ASSERT_TRUE(confined.ok()) << confined.status();
    confined_ = *std::move(confined);
  }
  std::string Text(const std::string& path) {
    return ReadWholeFile(*fs_, path, 100).value_or("");
  }
  // Every call that takes a path to something in `directory`.
  void ExpectAllDenied(const std::string& directory) {
    const std::string pack = directory + "/pack";
    const std::string mine = Path("root/theirs/mine");
    ASSERT_TRUE(WriteFileDurably(*fs_, mine, AsBytes("mine"), 0600).ok());
    const std::vector<absl::Status> results = {
        confined_->OpenForRead(pack).status(),
        confined_->OpenForWrite(pack).status(),
        confined_->Create(directory + "/new", 0600).status(),
        confined_->Rename(pack, Path("root/theirs/taken")),
        confined_->Rename(mine, directory + "/given"),
        confined_->Replace(pack, Path("root/theirs/taken")),
        confined_->Replace(mine, pack),
        confined_->Unlink(pack),
        confined_->MakeDirectory(directory + "/new", 0700),
        confined_->SyncDirectory(directory),
        confined_->List(directory).status(),
        confined_->Stat(pack).status(),
        confined_->Space(directory).status(),
        confined_->Lock(directory + "/lock").status()};
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_TRUE(absl::IsPermissionDenied(results[i]))
          << directory << ", call " << i << ": " << results[i];
    }
    EXPECT_EQ(Text(mine), "mine");
  }

  std::unique_ptr<FileSystem> confined_;
};

TEST_F(ConfinedFileSystemTest, WorksBelowItsRoot) {
  const std::string a = Path("root/ours/a");
  auto file = confined_->Create(a, 0600);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->WriteAt(0, AsBytes("one")).ok());
  ASSERT_TRUE((*file)->SyncData().ok());
  EXPECT_EQ(ReadWholeFile(*confined_, a, 100).value(), "one");
  EXPECT_TRUE(
      absl::IsAlreadyExists(confined_->Rename(a, Path("root/ours/pack"))));
  EXPECT_TRUE(confined_->Rename(a, Path("root/theirs/b")).ok());
  EXPECT_TRUE(confined_->SyncDirectory(Path("root/theirs")).ok());
  EXPECT_TRUE(absl::IsNotFound(confined_->Stat(a).status()));
  EXPECT_EQ(confined_->Stat(Path("root/theirs/b"))->size_bytes, 3u);
  EXPECT_EQ(confined_->List(Path("root")).value(),
            (std::vector<std::string>{"ours", "theirs"}));
  EXPECT_TRUE(confined_->MakeDirectory(Path("root/new"), 0700).ok());
  EXPECT_TRUE(confined_->MakeDirectory(Path("root/new"), 0700).ok());
  EXPECT_GT(confined_->Space(Path("root"))->total_bytes, 0u);
  auto lock = confined_->Lock(Path("root/LOCK"));
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(confined_->Lock(Path("root/LOCK")).status()));
  EXPECT_TRUE(confined_->Unlink(Path("root/theirs/b")).ok());
  EXPECT_TRUE(absl::IsNotFound(confined_->Unlink(Path("root/theirs/b"))));
  EXPECT_TRUE(absl::IsNotFound(confined_->List(Path("root/none")).status()));
}

TEST_F(ConfinedFileSystemTest, NoLinkAndNoDetourLeadsAnywhere) {
  const std::string link = Path("root/theirs/link");
  for (const char* target : {"../../outside", "../ours", "/"}) {
    ASSERT_EQ(::symlink(target, link.c_str()), 0);
    ExpectAllDenied(link);
    ASSERT_TRUE(fs_->Unlink(link).ok());
  }
  for (const char* path :
       {"outside", "root/../outside", "root/ours/../../outside",
        "root/theirs/../ours", "root/./ours", "rootless"}) {
    ExpectAllDenied(Path(path));
  }
  EXPECT_EQ(Text(Path("root/ours/pack")), "root/ours/pack");
  EXPECT_EQ(Text(Path("outside/pack")), "outside/pack");
}

TEST_F(ConfinedFileSystemTest, OnlyRegularFilesAreOpened) {
  const std::string path = Path("root/theirs/pack");
  ASSERT_EQ(::symlink("../ours/pack", path.c_str()), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(confined_->OpenForRead(path).status()));
  ASSERT_TRUE(confined_->Unlink(path).ok());
  EXPECT_EQ(Text(Path("root/ours/pack")), "root/ours/pack");
  // Would keep whoever opens it waiting.
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(confined_->OpenForRead(path).status()));
}

TEST_F(ConfinedFileSystemTest, ADirectoryThatWasUsedStaysThatOne) {
  ASSERT_TRUE(
      WriteFileDurably(*fs_, Path("root/theirs/pack"), AsBytes("theirs"), 0600)
          .ok());
  EXPECT_EQ(confined_->List(Path("root/theirs"))->size(), 1u);
  ASSERT_TRUE(fs_->Rename(Path("root/theirs"), Path("root/aside")).ok());
  ASSERT_TRUE(fs_->Rename(Path("root/ours"), Path("root/theirs")).ok());
  EXPECT_EQ(ReadWholeFile(*confined_, Path("root/theirs/pack"), 100).value(),
            "theirs");
  EXPECT_TRUE(confined_->Unlink(Path("root/theirs/pack")).ok());
  EXPECT_EQ(Text(Path("root/theirs/pack")), "root/ours/pack");
}

}  // namespace
}  // namespace nightsafe
