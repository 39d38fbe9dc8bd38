#include "tests/unit/client/agent/backup_fixture.h"

namespace nightsafe {
namespace {

TEST_F(BackupTest, KeepsEveryKindOfEntry) {
  WriteTree();
  Write("empty", "");
  fs::create_symlink("somewhere/else", In("link"));
  fs::create_hard_link(In("dir0/file0"), In("other-name"));
  fs::create_hard_link(In("large"), In("dir2/other-large"));
  ASSERT_EQ(mkfifo(In("fifo").c_str(), 0640), 0);
  Write("sparse", std::string(100, 'a'));
  fs::resize_file(In("sparse"), 10 << 20);
  std::ofstream(In("sparse"), std::ios::app) << "the end";
  chmod(In("dir1").c_str(), 02711);

  const BackupResult result = MustBackup();
  ExpectLastIsCurrent();
  EXPECT_FALSE(result.incomplete());
  EXPECT_TRUE(result.problems.empty());

  const WholeSnapshot snapshot = Read(server_.commits().back());
  EXPECT_EQ(snapshot.entries.at("link").symlink_target(), "somewhere/else");
  EXPECT_EQ(snapshot.entries.at("fifo").type(), v1::format::FIFO);
  EXPECT_EQ(snapshot.entries.at("fifo").mode(), 0640u);
  EXPECT_EQ(snapshot.entries.at("dir1").mode(), 02711u);
  EXPECT_NE(snapshot.entries.at("other-name").link_group(), 0u);
  EXPECT_EQ(snapshot.entries.at("other-name").link_group(),
            snapshot.entries.at("dir0/file0").link_group());
  EXPECT_NE(snapshot.entries.at("large").link_group(),
            snapshot.entries.at("dir0/file0").link_group());
  EXPECT_EQ(snapshot.entries.at("empty").link_group(), 0u);
  EXPECT_EQ(snapshot.clear.chain_counter(), 1u);
  EXPECT_EQ(snapshot.clear.host(), "web1");
  EXPECT_EQ(snapshot.sealed.roots(0), source_);
  EXPECT_EQ(snapshot.sealed.statistics().entries(), result.totals.entries);
}

TEST_F(BackupTest, UnchangedRunReadsNothingAndSendsNextToNothing) {
  WriteTree();
  MustBackup();
  const uint64_t received = server_.received_bytes();
  const size_t objects = DataObjects();
  const uint64_t offered = server_.offered_ids();
  const BackupResult second = MustBackup();
  EXPECT_EQ(second.totals.read_bytes, 0u);
  EXPECT_LE(server_.received_bytes() - received, 16u << 10);
  EXPECT_LE(server_.offered_ids(), offered + kNodesAbove);
  EXPECT_EQ(DataObjects(), objects);
  ExpectLastIsCurrent();
  const WholeSnapshot snapshot = Read(server_.commits().back());
  EXPECT_EQ(snapshot.clear.chain_counter(), 2u);
  EXPECT_EQ(snapshot.clear.previous_manifest(),
            ObjectIdOf(AsBytes(server_.commits().front())).text());
}

TEST_F(BackupTest, FilesYoungerThanTheClockGrainAreReadAgain) {
  clock_.shift = absl::ZeroDuration();
  Write("file", "content");
  MustBackup();
  EXPECT_EQ(MustBackup().totals.read_bytes, 7u);
  EXPECT_EQ(server_.put_objects(), server_.objects().size());
}

TEST_F(BackupTest, EveryFileIsReadAgainWithinThirtyDays) {
  Write("file", "content");
  MustBackup();
  clock_.shift += absl::Hours(24 * 31);
  EXPECT_EQ(MustBackup().totals.read_bytes, 7u);
  EXPECT_EQ(MustBackup().totals.read_bytes, 0u);
}

TEST_F(BackupTest, MovedOrUnpackedAnewSendsNodesOnly) {
  WriteTree();
  MustBackup();
  const uint64_t received = server_.received_bytes();
  fs::rename(In("dir0"), In("moved"));
  fs::copy(In("dir1"), In("unpacked"), fs::copy_options::recursive);
  fs::remove_all(In("dir1"));
  Write("dir2/new", "new");
  MustBackup();
  ExpectLastIsCurrent();
  EXPECT_LE(server_.received_bytes() - received, 64u << 10);
}

TEST_F(BackupTest, EqualFilesOfOneRunAreSentOnce) {
  const std::string content = PseudoRandomBytes(3 << 20, 5);
  Write("a", content);
  Write("b", content);
  for (int i = 0; i < 50; ++i) {
    Write("small" + std::to_string(i), content.substr(0, 200'000));
  }
  MustBackup();
  ExpectLastIsCurrent();
  EXPECT_LE(server_.received_bytes(), 4u << 20);
}

TEST_F(BackupTest, BundlesMostlyDeadAreLeft) {
  for (int i = 0; i < 40; ++i) {
    const auto n = static_cast<uint64_t>(i);
    Write("f" + std::to_string(i), PseudoRandomBytes(50'000, n));
  }
  MustBackup();
  for (int i = 0; i < 40; ++i) {
    if (i % 8 != 0) fs::remove(In("f" + std::to_string(i)));
  }
  MustBackup();  // notes how little is live
  const size_t before = DataObjects();
  MustBackup();
  EXPECT_GT(DataObjects(), before);
  ExpectLastIsCurrent();
  const size_t settled = DataObjects();
  MustBackup();
  EXPECT_EQ(DataObjects(), settled);
}

TEST_F(BackupTest, StreamBecomesOneFile) {
  const std::string content = PseudoRandomBytes(5 << 20, 9);
  Write("dump", content);
  for (int run = 0; run < 2; ++run) {
    std::FILE* stream = popen(("cat " + In("dump")).c_str(), "r");
    options_.stream_descriptor = fileno(stream);
    options_.set = "dump";
    source_ = "";
    MustBackup();
    pclose(stream);
    source_ = directory_.Path("source");
  }
  source_ = "";
  const WholeSnapshot snapshot = Read(server_.commits().back());
  EXPECT_EQ(snapshot.clear.method(), v1::format::DUMP);
  EXPECT_TRUE(snapshot.contents.at("stdin") == content);
  EXPECT_LE(server_.received_bytes(), 6u << 20);
}

TEST_F(BackupTest, TwoRunsOfOneSetDoNotMeet) {
  Write("file", "content");
  MustBackup();
  const auto lock = fs_->Lock(options_.state_directory + "/sets/files/lock");
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Backup().status()));
}

}  // namespace
}  // namespace nightsafe
