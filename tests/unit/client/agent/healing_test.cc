#include <algorithm>

#include "tests/unit/client/agent/backup_fixture.h"

namespace nightsafe {
namespace {

TEST_F(BackupTest, LostObjectIsRemadeFromUnchangedFiles) {
  WriteTree();
  MustBackup();
  const ObjectId lost = SomeDataObject();
  server_.Lose(lost);
  const BackupResult second = MustBackup();
  EXPECT_EQ(second.notes.size(), 1u);
  EXPECT_TRUE(server_.objects().contains(lost));
  ExpectLastIsCurrent();
  Read(server_.commits().front());  // older snapshots are whole again
}

TEST_F(BackupTest, LostObjectsOfChangedFilesAreReadAnew) {
  WriteTree();
  MustBackup();
  server_.LoseIf([](const ObjectId&, const std::string& bytes) {
    return ParseObject(AsBytes(bytes))->kind == ObjectKind::kData;
  });
  for (int i = 0; i < 60; i += 3) {
    fs::remove(In("dir" + std::to_string(i % 5) + "/file" + std::to_string(i)));
  }
  const BackupResult second = MustBackup();
  ExpectLastIsCurrent();
  // Bundles with a file that is gone: of the first snapshot, for ever.
  EXPECT_TRUE(std::any_of(second.notes.begin(), second.notes.end(),
                          [](const std::string& note) {
                            return note.find("verify --all") != note.npos;
                          }));
}

TEST_F(BackupTest, HealsAfterTheServerLostEverything) {
  WriteTree();
  MustBackup();
  server_.LoseIf([](const ObjectId&, const std::string&) { return true; });
  MustBackup();
  ExpectLastIsCurrent();
  const size_t put = DataObjects();
  MustBackup();
  EXPECT_EQ(DataObjects(), put);
}

TEST_F(BackupTest, BrokenStreamIsMadeAgainAndNothingStoredIsSentTwice) {
  WriteTree();
  server_.FailPut(3, 14, "Socket closed");
  MustBackup();
  ExpectLastIsCurrent();
  EXPECT_EQ(server_.streams(), 2u);
  EXPECT_EQ(server_.put_objects(), server_.objects().size());
}

TEST_F(BackupTest, NextRunResumesWhereTheServerDied) {
  WriteTree();
  options_.max_reconnects = 0;
  server_.FailPut(3, 14, "Socket closed");
  const auto failed = Backup();
  EXPECT_TRUE(absl::IsUnavailable(failed.status())) << failed.status();
  const uint64_t stored = server_.put_objects();
  EXPECT_GT(stored, 0u);
  MustBackup();
  ExpectLastIsCurrent();
  EXPECT_EQ(server_.put_objects(), server_.objects().size());
}

TEST_F(BackupTest, FullServerEndsTheRunAndKeepsWhatWasStored) {
  WriteTree();
  server_.FailPut(2, 8, "the disk's reserve is reached");
  const auto failed = Backup();
  EXPECT_TRUE(absl::IsResourceExhausted(failed.status())) << failed.status();
  EXPECT_EQ(server_.streams(), 1u);
  MustBackup();
  ExpectLastIsCurrent();
  EXPECT_EQ(server_.put_objects(), server_.objects().size());
}

TEST_F(BackupTest, CommitWithoutAnswerIsAskedForAgain) {
  WriteTree();
  server_.SwallowCommitReply();
  MustBackup();
  EXPECT_EQ(server_.commits().size(), 1u);
}

TEST_F(BackupTest, CommitWithoutAnswerIsCompletedByTheNextRun) {
  WriteTree();
  options_.max_reconnects = 0;
  server_.SwallowCommitReply();
  EXPECT_TRUE(absl::IsUnavailable(Backup().status()));
  auto status = ReadBackupStatus(*fs_, options_.state_directory);
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->size(), 1u);
  EXPECT_TRUE((*status)[0].commit_pending);
  const BackupResult second = MustBackup();
  EXPECT_EQ(second.totals.read_bytes, 0u);  // the pending index was taken over
  ASSERT_EQ(server_.commits().size(), 2u);
  const WholeSnapshot snapshot = Read(server_.commits().back());
  EXPECT_EQ(snapshot.clear.chain_counter(), 2u);
  EXPECT_EQ(snapshot.clear.previous_manifest(),
            ObjectIdOf(AsBytes(server_.commits().front())).text());
  status = ReadBackupStatus(*fs_, options_.state_directory);
  EXPECT_FALSE((*status)[0].commit_pending);
  EXPECT_EQ((*status)[0].chain_counter, 2u);
  EXPECT_EQ((*status)[0].snapshot, second.snapshot);
}

TEST_F(BackupTest, DamagedIndexCostsAFullReadAndNothingElse) {
  WriteTree();
  MustBackup();
  const size_t put = DataObjects();
  const std::string set = options_.state_directory + "/sets/files";
  for (const auto& item : fs::directory_iterator(set)) {
    if (!item.path().filename().string().starts_with("index-")) continue;
    fs::resize_file(item.path(), fs::file_size(item.path()) - 1);
  }
  const BackupResult second = MustBackup();
  ASSERT_EQ(second.notes.size(), 1u);
  EXPECT_EQ(second.totals.read_bytes, second.totals.file_bytes);
  EXPECT_EQ(DataObjects(), put);
  ExpectLastIsCurrent();
}

TEST_F(BackupTest, DamagedStateBeginsAChainThatSaysSo) {
  Write("file", "content");
  MustBackup();
  std::ofstream(options_.state_directory + "/sets/files/state") << "garbage";
  EXPECT_TRUE(
      ReadBackupStatus(*fs_, options_.state_directory)->front().damaged);
  MustBackup();
  const WholeSnapshot snapshot = Read(server_.commits().back());
  EXPECT_EQ(snapshot.clear.chain_counter(), 1u);
  EXPECT_TRUE(snapshot.clear.restarted());
}

TEST_F(BackupTest, LostStateDirectoryBeginsAChainThatSaysSo) {
  Write("file", "content");
  MustBackup();
  fs::remove_all(options_.state_directory);
  MustBackup();
  const WholeSnapshot snapshot = Read(server_.commits().back());
  EXPECT_EQ(snapshot.clear.chain_counter(), 1u);
  EXPECT_TRUE(snapshot.clear.restarted());
  MustBackup();
  EXPECT_FALSE(Read(server_.commits().back()).clear.restarted());
}

TEST_F(BackupTest, DeadServerIsNamed) {
  Write("file", "content");
  server_.Stop();
  const auto failed = Backup();
  EXPECT_TRUE(absl::IsUnavailable(failed.status()));
  EXPECT_NE(failed.status().message().find("is nightsafed running there?"),
            absl::string_view::npos)
      << failed.status();
}

}  // namespace
}  // namespace nightsafe
