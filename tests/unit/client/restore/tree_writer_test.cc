#include "client/restore/tree_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "client/restore/restore_report.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/client/restore/memory_snapshot.h"

namespace nightsafe {
namespace {

using v1::format::Entry;

bool Exists(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0;
}

std::string Contents(const std::string& path) {
  std::string text(100, '\0');
  int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text.data(), text.size());
  if (fd >= 0) close(fd);
  if (length < 0) return "(none)";
  text.resize(static_cast<size_t>(length));
  return text;
}

class TreeWriterTest : public testing::Test {
 protected:
  TreeWriterTest()
      : target_(directory_.Path("target")),
        outside_(directory_.Path("outside")),
        report_([this](const Problem& problem) {
          problems_.push_back(problem.path + ": " + problem.reason);
        }) {
    mkdir(outside_.c_str(), 0755);
  }

  void Open(bool into_existing = false) {
    auto root = TargetRoot::Open(target_, into_existing);
    ASSERT_TRUE(root.ok()) << root.status();
    root_ = std::make_unique<TargetRoot>(*std::move(root));
    writer_ = std::make_unique<TreeWriter>(*root_, WriterOptions{}, report_);
  }

  void Put(const std::string& directory, const std::string& name, Entry entry,
           const std::string& content = "") {
    auto made = std::make_shared<TreeEntry>();
    made->key = {directory, name};
    if (entry.name().empty()) entry.set_name(name);
    if (entry.type() == v1::format::REGULAR && entry.size_bytes() == 0) {
      entry.set_size_bytes(content.size());
    }
    entry.set_uid(geteuid());
    entry.set_gid(getegid());
    made->entry = entry;
    ASSERT_TRUE(writer_->Begin(made).ok());
    ASSERT_TRUE(writer_->Write(0, AsBytes(content)).ok());
    ASSERT_TRUE(writer_->End().ok());
  }
  void PutFile(const std::string& directory, const std::string& name,
               const std::string& content) {
    Put(directory, name, MakeEntry(v1::format::REGULAR, 0644), content);
  }
  void PutDirectory(const std::string& directory, const std::string& name) {
    Put(directory, name, MakeEntry(v1::format::DIRECTORY, 0755));
  }
  void PutSymlink(const std::string& directory, const std::string& name,
                  const std::string& to) {
    Entry entry = MakeEntry(v1::format::SYMLINK, 0777);
    entry.set_symlink_target(to);
    Put(directory, name, entry);
  }

  uint64_t NotWritten() { return report_.count(Trouble::kNotWritten); }

  TemporaryDirectory directory_;
  const std::string target_;
  const std::string outside_;
  std::vector<std::string> problems_;
  RestoreReport report_;
  std::unique_ptr<TargetRoot> root_;
  std::unique_ptr<TreeWriter> writer_;
};

TEST_F(TreeWriterTest, RefusesNamesThatLeaveTheDirectory) {
  Open();
  const std::string kNames[] = {"..",
                                ".",
                                "a/b",
                                "../outside/x",
                                "/x",
                                std::string("a\0b", 3),
                                std::string(256, 'n')};
  for (const std::string& name : kNames) PutFile("", name, "evil");
  EXPECT_EQ(NotWritten(), 7u);
  EXPECT_EQ(rmdir(outside_.c_str()), 0) << "something was written there";
  ASSERT_TRUE(writer_->Finish().ok());
  writer_.reset();
  EXPECT_EQ(rmdir(target_.c_str()), 0) << "the target is not empty";
}

TEST_F(TreeWriterTest, RefusesANameThatIsNotTheEntrys) {
  Open();
  Entry entry = MakeEntry(v1::format::REGULAR, 0644);
  entry.set_name("b");
  Put("", "a", entry, "x");
  EXPECT_EQ(NotWritten(), 1u);
  EXPECT_FALSE(Exists(target_ + "/a"));
}

TEST_F(TreeWriterTest, RefusesDuplicates) {
  Open();
  PutFile("", "a", "first");
  PutFile("", "a", "second");
  PutDirectory("", "d");
  PutDirectory("", "d");
  PutSymlink("", "a", outside_);
  EXPECT_EQ(NotWritten(), 3u);
  EXPECT_EQ(Contents(target_ + "/a"), "first");
}

TEST_F(TreeWriterTest, DoesNotWriteThroughASymlinkOfTheSnapshot) {
  Open();
  PutSymlink("", "link", outside_);
  PutFile("/link", "through", "evil");
  PutDirectory("", "link");
  PutFile("/link", "again", "evil");
  EXPECT_EQ(NotWritten(), 3u);
  EXPECT_FALSE(Exists(outside_ + "/through"));
  EXPECT_FALSE(Exists(outside_ + "/again"));
}

TEST_F(TreeWriterTest, RefusesADirectoryThatHasNoEntry) {
  Open();
  PutFile("/nowhere", "x", "evil");
  PutFile("/../outside", "x", "evil");
  EXPECT_EQ(NotWritten(), 2u);
  EXPECT_FALSE(Exists(outside_ + "/x"));
}

TEST_F(TreeWriterTest, DoesNotFollowSymlinksThatWereThere) {
  mkdir(target_.c_str(), 0755);
  ASSERT_EQ(symlink(outside_.c_str(), (target_ + "/etc").c_str()), 0);
  ASSERT_EQ(symlink((outside_ + "/made").c_str(), (target_ + "/f").c_str()), 0);
  Open(/*into_existing=*/true);
  PutDirectory("", "etc");
  PutFile("", "f", "evil");
  PutFile("/etc", "x", "evil");
  EXPECT_EQ(NotWritten(), 3u);
  EXPECT_EQ(rmdir(outside_.c_str()), 0) << "something was written there";
}

TEST_F(TreeWriterTest, NeverOverwritesAndKeepsDirectoriesThatWereThere) {
  mkdir(target_.c_str(), 0755);
  mkdir((target_ + "/d").c_str(), 0750);
  int fd = open((target_ + "/d/f").c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(write(fd, "old", 3), 3);
  close(fd);
  Open(/*into_existing=*/true);
  PutDirectory("", "d");
  PutFile("/d", "f", "new");
  PutFile("/d", "g", "new");
  ASSERT_TRUE(writer_->Finish().ok());
  EXPECT_EQ(NotWritten(), 1u);
  EXPECT_EQ(Contents(target_ + "/d/f"), "old");
  EXPECT_EQ(Contents(target_ + "/d/g"), "new");
  struct stat info = {};
  ASSERT_EQ(stat((target_ + "/d").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0750u);
}

TEST_F(TreeWriterTest, AFileHasItsNameOnlyWhenItIsWhole) {
  Open();
  auto made = std::make_shared<TreeEntry>();
  made->key = {"", "file"};
  made->entry = MakeEntry(v1::format::REGULAR, 0644);
  made->entry.set_name("file");
  made->entry.set_size_bytes(8);
  made->entry.set_uid(geteuid());
  made->entry.set_gid(getegid());
  ASSERT_TRUE(writer_->Begin(made).ok());
  ASSERT_TRUE(writer_->Write(0, AsBytes("half")).ok());
  EXPECT_NE(access((target_ + "/file").c_str(), F_OK), 0);
  ASSERT_TRUE(writer_->Write(4, AsBytes("half")).ok());
  ASSERT_TRUE(writer_->End().ok());
  EXPECT_EQ(access((target_ + "/file").c_str(), F_OK), 0);
  size_t names = 0;
  for (const auto& item : std::filesystem::directory_iterator(target_)) {
    names += item.exists();
  }
  EXPECT_EQ(names, 1u);
}

TEST_F(TreeWriterTest, ANameThatIsTakenMeanwhileIsLeftAlone) {
  Open(/*into_existing=*/true);
  auto made = std::make_shared<TreeEntry>();
  made->key = {"", "file"};
  made->entry = MakeEntry(v1::format::REGULAR, 0644);
  made->entry.set_name("file");
  ASSERT_TRUE(writer_->Begin(made).ok());
  std::ofstream(target_ + "/file") << "mine";
  ASSERT_TRUE(writer_->End().ok());
  EXPECT_EQ(NotWritten(), 1u);
  EXPECT_EQ(std::filesystem::file_size(target_ + "/file"), 4u);
}

TEST_F(TreeWriterTest, TargetMustBeNewOrEmpty) {
  mkdir(target_.c_str(), 0755);
  mkdir((target_ + "/x").c_str(), 0755);
  auto root = TargetRoot::Open(target_, false);
  ASSERT_EQ(root.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(root.status().message()).find("--into-existing"),
            std::string::npos);
}

TEST_F(TreeWriterTest, HardLinkOnlyToTheSameTypeAndInode) {
  Open();
  Entry link = MakeEntry(v1::format::SYMLINK, 0777);
  link.set_link_group(1);
  link.set_symlink_target(outside_);
  Put("", "a", link);
  Entry file = MakeEntry(v1::format::REGULAR, 0644);
  file.set_link_group(1);
  Put("", "b", file, "evil");
  EXPECT_EQ(NotWritten(), 1u);
  EXPECT_FALSE(Exists(target_ + "/b"));

  file.set_link_group(2);
  Put("", "c", file, "good");
  ASSERT_EQ(unlink((target_ + "/c").c_str()), 0);
  ASSERT_EQ(symlink(outside_.c_str(), (target_ + "/c").c_str()), 0);
  Put("", "d", file);
  EXPECT_EQ(NotWritten(), 2u);
  EXPECT_FALSE(Exists(target_ + "/d")) << "linked to what was put in between";
}

TEST_F(TreeWriterTest, NoFurtherNamesForAFileThatWasLost) {
  Open();
  Entry file = MakeEntry(v1::format::REGULAR, 0644);
  file.set_link_group(7);
  file.set_name("a");
  file.set_size_bytes(4);
  auto entry = std::make_shared<TreeEntry>();
  entry->key = {"", "a"};
  entry->entry = file;
  ASSERT_TRUE(writer_->Begin(entry).ok());
  writer_->MarkDamaged("object is missing");
  ASSERT_TRUE(writer_->End().ok());
  EXPECT_FALSE(Exists(target_ + "/a"));
  file.clear_name();
  Put("", "b", file);
  EXPECT_FALSE(Exists(target_ + "/b")) << "would be an empty file";
  EXPECT_EQ(report_.count(Trouble::kDamaged), 1u);
  EXPECT_EQ(NotWritten(), 1u);
}

TEST_F(TreeWriterTest, ContentBeyondTheSizeIsDamage) {
  Open();
  Entry file = MakeEntry(v1::format::REGULAR, 0644);
  file.set_size_bytes(3);
  Put("", "a", file, "four");
  EXPECT_EQ(report_.count(Trouble::kDamaged), 1u);
  EXPECT_FALSE(Exists(target_ + "/a"));
}

TEST_F(TreeWriterTest, RefusesMalformedFieldsOfHostileEntries) {
  Open();
  PutSymlink("", "empty", "");
  PutSymlink("", "long", std::string(4096, 'x'));
  PutSymlink("", "nul", std::string("/a\0b", 4));
  Put("", "untyped", MakeEntry(v1::format::ENTRY_TYPE_UNSPECIFIED, 0644));
  Entry huge = MakeEntry(v1::format::REGULAR, 0644);
  huge.set_size_bytes(UINT64_MAX);
  Put("", "huge", huge);
  EXPECT_EQ(NotWritten(), 5u);
  Entry times = MakeEntry(v1::format::REGULAR, 0644);
  times.set_mtime_nanoseconds(4'000'000'000);
  Put("", "times", times, "x");
  EXPECT_EQ(report_.count(Trouble::kNotApplied), 1u);
  EXPECT_TRUE(Exists(target_ + "/times"));
}

TEST_F(TreeWriterTest, WithoutOwnersLeavesOutSetuid) {
  Open();
  WriterOptions options;
  options.metadata.owners = false;
  writer_ = std::make_unique<TreeWriter>(*root_, options, report_);
  Put("", "su", MakeEntry(v1::format::REGULAR, 06755), "x");
  struct stat info = {};
  ASSERT_EQ(stat((target_ + "/su").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  EXPECT_EQ(report_.count(Trouble::kNotApplied), 1u);
}

// A local user swaps a directory for a symlink all the time.
TEST_F(TreeWriterTest, RaceForADirectoryNeverLeadsOutside) {
  Open();
  std::atomic<bool> done = false;
  const std::string victim = target_ + "/d";
  const std::string aside = target_ + "/aside";
  std::thread attacker([&] {
    while (!done) {
      if (std::rename(victim.c_str(), aside.c_str()) != 0) continue;
      if (symlink(outside_.c_str(), victim.c_str()) == 0) {
        std::this_thread::yield();
        unlink(victim.c_str());
      }
      (void)std::rename(aside.c_str(), victim.c_str());
    }
  });
  PutDirectory("", "d");
  PutDirectory("", "e");
  for (int i = 0; i < 3000; ++i) {
    // Alternating, so that "d" is entered anew each time.
    PutFile("/e", "f" + std::to_string(i), "x");
    PutFile("/d", "f" + std::to_string(i), "x");
    PutSymlink("/d", "l" + std::to_string(i), "x");
  }
  ASSERT_TRUE(writer_->Finish().ok());
  done = true;
  attacker.join();
  EXPECT_EQ(rmdir(outside_.c_str()), 0) << "something was written outside";
}

}  // namespace
}  // namespace nightsafe
