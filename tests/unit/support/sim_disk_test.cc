#include "tests/support/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr int kDraws = 300;

class SimDiskTest : public testing::Test {
 protected:
  SimDiskTest() {
    EXPECT_TRUE(disk_.MakeDirectory("/a", 0700).ok());
    EXPECT_TRUE(disk_.MakeDirectory("/b", 0700).ok());
    EXPECT_TRUE(disk_.SyncDirectory("/").ok());
  }

  std::unique_ptr<File> MakeDurable(absl::string_view path,
                                    absl::string_view text) {
    auto file = disk_.Create(path, 0600).value();
    EXPECT_TRUE(file->WriteAt(0, AsBytes(text)).ok());
    EXPECT_TRUE(file->SyncData().ok());
    EXPECT_TRUE(disk_.SyncDirectory(DirectoryOf(path)).ok());
    return file;
  }
  static std::string Text(FileSystem& fs, absl::string_view path) {
    const auto text = ReadWholeFile(fs, path, 1 << 20);
    return text.ok() ? *text : "none";
  }
  // What may be found after a power cut, as `look` tells it.
  template <typename F>
  std::set<std::string> Found(F look) {
    std::set<std::string> found;
    for (int i = 0; i < kDraws; ++i) {
      found.insert(look(*disk_.AfterPowerCut(random_)));
    }
    return found;
  }
  std::set<std::string> Texts(const std::string& path) {
    return Found([&](SimDisk& disk) { return Text(disk, path); });
  }

  SimDisk disk_;
  std::mt19937_64 random_{1};
};

using Strings = std::set<std::string>;

TEST_F(SimDiskTest, KeepsWhatWasSynced) {
  MakeDurable("/a/x", "synced");
  EXPECT_EQ(Texts("/a/x"), Strings{"synced"});
}

TEST_F(SimDiskTest, MayLoseANewNameAndItsBytesApart) {
  auto file = disk_.Create("/a/x", 0600).value();
  ASSERT_TRUE(file->WriteAt(0, AsBytes("text")).ok());
  EXPECT_EQ(Texts("/a/x"), (Strings{"none", "", "text", std::string(4, '\0')}));
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_EQ(Texts("/a/x"), (Strings{"none", "text"}));
  ASSERT_TRUE(disk_.SyncDirectory("/a").ok());
  EXPECT_EQ(Texts("/a/x"), Strings{"text"});
}

TEST_F(SimDiskTest, TearsAtSectors) {
  const std::string old_text(8192, 'o');
  const std::string new_text(8192, 'n');
  auto file = MakeDurable("/a/x", old_text);
  ASSERT_TRUE(file->WriteAt(0, AsBytes(new_text)).ok());
  bool torn = false;
  for (const std::string& text : Texts("/a/x")) {
    ASSERT_EQ(text.size(), old_text.size());
    for (size_t at = 0; at < text.size(); at += 512) {
      const std::string sector = text.substr(at, 512);
      EXPECT_TRUE(sector == old_text.substr(0, 512) ||
                  sector == new_text.substr(0, 512));
      torn |= at % 4096 != 0 && sector != text.substr(at - 512, 512);
    }
  }
  EXPECT_TRUE(torn);
}

TEST_F(SimDiskTest, MayKeepAVersionThatWasOverwritten) {
  auto file = MakeDurable("/a/x", "1");
  ASSERT_TRUE(file->WriteAt(0, AsBytes("2")).ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes("3")).ok());
  EXPECT_EQ(Texts("/a/x"), (Strings{"1", "2", "3"}));
}

TEST_F(SimDiskTest, ReplacesWithTheOldOrTheNewFile) {
  MakeDurable("/a/x", "old");
  ASSERT_TRUE(WriteFileDurably(disk_, "/a/x", AsBytes("new"), 0600).ok());
  EXPECT_EQ(Texts("/a/x"), Strings{"new"});
  auto file = disk_.Create("/a/t", 0600).value();
  ASSERT_TRUE(file->WriteAt(0, AsBytes("newer")).ok());
  ASSERT_TRUE(disk_.Replace("/a/t", "/a/x").ok());
  const Strings found = Texts("/a/x");
  EXPECT_TRUE(found.contains("new"));
  EXPECT_TRUE(found.contains("newer"));
  EXPECT_TRUE(found.contains(""));  // renamed before its bytes were synced
}

TEST_F(SimDiskTest, ARenameNeverLosesTheFile) {
  MakeDurable("/a/x", "text");
  ASSERT_TRUE(disk_.Rename("/a/x", "/b/y").ok());
  const auto names = [](SimDisk& disk) {
    return absl::StrCat(Text(disk, "/a/x"), ",", Text(disk, "/b/y"));
  };
  EXPECT_EQ(Found(names), (Strings{"text,none", "none,text", "text,text"}));
  ASSERT_TRUE(disk_.SyncDirectory("/a").ok());
  EXPECT_EQ(Found(names), Strings{"none,text"});
}

TEST_F(SimDiskTest, MayBringBackWhatWasRemoved) {
  MakeDurable("/a/x", "text");
  ASSERT_TRUE(disk_.Unlink("/a/x").ok());
  EXPECT_EQ(Texts("/a/x"), (Strings{"none", "text"}));
  ASSERT_TRUE(disk_.SyncDirectory("/a").ok());
  EXPECT_EQ(Texts("/a/x"), Strings{"none"});
}

TEST_F(SimDiskTest, AKillKeepsThePageCacheUnsynced) {
  auto file = MakeDurable("/a/x", "1");
  ASSERT_TRUE(file->WriteAt(0, AsBytes("2")).ok());
  auto killed = disk_.AfterKill();
  EXPECT_EQ(Text(*killed, "/a/x"), "2");
  ASSERT_TRUE(file->SyncData().ok());
  Strings found;
  for (int i = 0; i < kDraws; ++i) {
    found.insert(Text(*killed->AfterPowerCut(random_), "/a/x"));
  }
  EXPECT_EQ(found, (Strings{"1", "2"}));
}

// As ext4 does: pages are clean after a failed sync, whatever the disk has.
TEST_F(SimDiskTest, AFailedSyncIsNotMadeGoodByTheNext) {
  auto file = MakeDurable("/a/x", std::string(40960, 'o'));
  disk_.Observe([](FileOperation operation, absl::string_view) {
    return operation == FileOperation::kSync
               ? absl::UnavailableError("injected EIO")
               : absl::OkStatus();
  });
  ASSERT_TRUE(file->WriteAt(0, AsBytes(std::string(40960, 'n'))).ok());
  ASSERT_FALSE(file->SyncData().ok());
  disk_.Observe({});
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_EQ(Text(disk_, "/a/x"), std::string(40960, 'n'));
  file->DropCache();
  const std::string text = Text(disk_, "/a/x");
  EXPECT_NE(text.find('o'), std::string::npos);
  EXPECT_NE(text.find('n'), std::string::npos);
  EXPECT_EQ(Texts("/a/x"), Strings{text});
}

TEST_F(SimDiskTest, AFailedWriteLeavesAPart) {
  auto file = MakeDurable("/a/x", "");
  disk_.Observe([](FileOperation operation, absl::string_view) {
    return operation == FileOperation::kWrite
               ? absl::ResourceExhaustedError("injected ENOSPC")
               : absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsResourceExhausted(file->WriteAt(0, AsBytes("12345678"))));
  const std::string text = Text(disk_, "/a/x");
  EXPECT_LT(text.size(), 8u);
  EXPECT_EQ(text, std::string("12345678").substr(0, text.size()));
}

TEST_F(SimDiskTest, PlantedDefectsSwallowOrDelaySyncs) {
  disk_.Plant({.operation = FileOperation::kSync, .path_contains = "/a/"});
  auto file = disk_.Create("/a/x", 0600).value();
  ASSERT_TRUE(disk_.SyncDirectory("/a").ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes("1")).ok());
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_TRUE(Texts("/a/x").contains(""));
  disk_.Plant({.operation = FileOperation::kSync,
               .path_contains = "/b/",
               .until = "/a/"});
  auto late = disk_.Create("/b/y", 0600).value();
  ASSERT_TRUE(disk_.SyncDirectory("/b").ok());
  ASSERT_TRUE(late->WriteAt(0, AsBytes("2")).ok());
  ASSERT_TRUE(late->SyncData().ok());
  EXPECT_TRUE(Texts("/b/y").contains(""));
  ASSERT_TRUE(file->WriteAt(0, AsBytes("3")).ok());
  EXPECT_EQ(Texts("/b/y"), Strings{"2"});
}

TEST_F(SimDiskTest, MakingDirectoriesEndsWhereNothingCanBeLookedAt) {
  disk_.Observe([](FileOperation operation, absl::string_view) {
    return operation == FileOperation::kRead
               ? absl::UnavailableError("injected EIO")
               : absl::OkStatus();
  });
  EXPECT_TRUE(
      absl::IsUnavailable(MakeDirectoriesDurably(disk_, "/a/b/c", 0700)));
}

TEST_F(SimDiskTest, HoldsALockOnce) {
  auto lock = disk_.Lock("/a/LOCK");
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(disk_.Lock("/a/LOCK").status()));
  EXPECT_TRUE(disk_.AfterKill()->Lock("/a/LOCK").ok());
  lock->reset();
  EXPECT_TRUE(disk_.Lock("/a/LOCK").ok());
}

}  // namespace
}  // namespace nightsafe
