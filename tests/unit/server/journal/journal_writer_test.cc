#include "server/journal/journal_writer.h"

#include "tests/unit/server/journal/journal_test_base.h"

namespace nightsafe {
namespace {

using JournalWriterTest = JournalTest;

TEST_F(JournalWriterTest, KeepsRecordsOverRunsAndAppends) {
  ASSERT_TRUE(Create({"init", "keyring"}).ok());
  Records expected = {"init", "keyring"};
  for (int run = 0; run < 3; ++run) {
    auto writer = MustOpen();
    EXPECT_EQ(writer->position().sequence, expected.size());
    const Records group = {absl::StrCat("a", run), std::string(5000, 'x'),
                           std::string("\0\0\0", 3)};
    ASSERT_TRUE(writer->Append(group).ok());
    ASSERT_TRUE(writer->Append("single").ok());
    expected.insert(expected.end(), group.begin(), group.end());
    expected.push_back("single");
    const Read read = ReadAll();
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.records, expected);
    EXPECT_EQ(read.contents.end, writer->position());
    EXPECT_EQ(read.contents.chain, writer->chain());
    EXPECT_FALSE(read.contents.torn_tail);
  }
  EXPECT_EQ(MustOpen()->position().segment, 4u);
}

TEST_F(JournalWriterTest, RunWithoutAppendLeavesNoFile) {
  ASSERT_TRUE(Create({"init"}).ok());
  MustOpen();
  EXPECT_EQ(fs_.List(Dir()).value(), (Records{"00000001.seg", "newest"}));
}

TEST_F(JournalWriterTest, CreateRefusesWhatExistsAndOpenWhatDoesNot) {
  EXPECT_TRUE(absl::IsNotFound(Open().status()));
  ASSERT_TRUE(Create({"init"}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Create({"init"})));
  EXPECT_EQ(ReadAll().records, Records{"init"});
}

TEST_F(JournalWriterTest, FullSegmentIsFollowedByANewOne) {
  ASSERT_TRUE(Create({"init"}).ok());
  Records expected = {"init"};
  auto writer = MustOpen();
  for (int i = 0; i < 100; ++i) {
    expected.push_back(std::string(1000, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(writer->Append(expected.back()).ok());
  }
  EXPECT_GT(writer->position().segment, 6u);
  for (uint32_t n = 1; n <= writer->position().segment; ++n) {
    EXPECT_LE(Bytes(n).size(), options_.segment_bytes);
  }
  EXPECT_EQ(ReadAll().records, expected);
}

TEST_F(JournalWriterTest, AppendLargerThanASegmentGetsOneOfItsOwn) {
  ASSERT_TRUE(Create({"init"}).ok());
  auto writer = MustOpen();
  const Records group(3, std::string(kMaxJournalRecordBytes, 'x'));
  ASSERT_TRUE(writer->Append(group).ok());
  ASSERT_TRUE(writer->Append("after").ok());
  const Read read = ReadAll();
  ASSERT_EQ(read.records.size(), 5u);
  EXPECT_EQ(read.records[3], group[0]);
  EXPECT_EQ(read.contents.end.segment, 3u);
}

TEST_F(JournalWriterTest, RefusesWhatTheFormatCannotHold) {
  ASSERT_TRUE(Create({"init"}).ok());
  auto writer = MustOpen();
  const Records too_many(17, std::string(kMaxJournalRecordBytes, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Append("")));
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Append(Records{})));
  EXPECT_TRUE(absl::IsInvalidArgument(
      writer->Append(std::string(kMaxJournalRecordBytes + 1, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Append(too_many)));
  EXPECT_TRUE(
      absl::IsInvalidArgument(writer->Reserve(kMaxJournalAppendBytes + 1)));
  EXPECT_TRUE(writer->Append("good").ok());
  EXPECT_EQ(ReadAll().records, (Records{"init", "good"}));
}

TEST_F(JournalWriterTest, ReservedAppendNeedsNoMoreSpace) {
  ASSERT_TRUE(Create({"init"}).ok());
  auto writer = MustOpen();
  ASSERT_TRUE(writer->Reserve(9000, 3).ok());
  for (FileOperation operation :
       {FileOperation::kAllocate, FileOperation::kCreate}) {
    fs_.Inject({.status = absl::ResourceExhaustedError("disk full"),
                .operation = operation,
                .sticky = true});
  }
  const Records reserved(3, std::string(3000, 'x'));
  ASSERT_TRUE(writer->Append(reserved).ok());
  // Not reserved: refused before a byte is written, and the writer lives.
  EXPECT_TRUE(
      absl::IsResourceExhausted(writer->Append(std::string(9000, 'y'))));
  EXPECT_TRUE(writer->failure().ok());
  fs_.Heal();
  ASSERT_TRUE(writer->Append("later").ok());
  EXPECT_EQ(ReadAll().records.size(), 5u);
}

TEST_F(JournalWriterTest, IsDeadAfterAFailedWriteSyncOrRename) {
  int run = 0;
  for (FileOperation operation :
       {FileOperation::kWrite, FileOperation::kSync, FileOperation::kRename,
        FileOperation::kSyncDirectory}) {
    const std::string path = directory_.Path(absl::StrCat("j", run++));
    const Records init = {"init"};
    ASSERT_TRUE(CreateJournal(*posix_, path, Identity(), options_, init).ok());
    auto writer =
        JournalWriter::Open(fs_, path, Identity(), options_, IgnoreRecord);
    ASSERT_TRUE(writer.ok()) << writer.status();
    fs_.Inject({.status = absl::ResourceExhaustedError("injected"),
                .operation = operation});
    EXPECT_TRUE(absl::IsUnavailable((*writer)->Append("lost")));
    // The fault is over, but nothing may be believed.
    for (const absl::Status& status :
         {(*writer)->Append("more"), (*writer)->Reserve(1)}) {
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      EXPECT_NE(status.message().find("read-only until restarted: injected"),
                std::string::npos);
    }
    EXPECT_EQ((*writer)->position().sequence, 1u);

    auto again =
        JournalWriter::Open(fs_, path, Identity(), options_, IgnoreRecord);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_TRUE((*again)->Append("new").ok());
    EXPECT_EQ(ReadFrom(path, Identity()).records.back(), "new");
  }
}

// Whichever call fails, what was acknowledged is there at the next start, in
// order, and nothing that was never appended.
TEST_F(JournalWriterTest, AcknowledgedRecordsSurviveAFaultAtEveryCall) {
  bool reached_end = false;
  uint64_t k = 0;
  for (; !reached_end; ++k) {
    ASSERT_LT(k, 1000u);
    const std::string path = directory_.Path(absl::StrCat("j", k));
    Records attempted = {"init"};
    ASSERT_TRUE(
        CreateJournal(*posix_, path, Identity(), options_, attempted).ok());
    FaultyFileSystem fs(*posix_);
    fs.FailMutatingCall(k, absl::UnavailableError("injected"),
                        /*sticky=*/true);
    size_t acknowledged = 1;
    auto writer =
        JournalWriter::Open(fs, path, Identity(), options_, IgnoreRecord);
    bool failed = !writer.ok();
    for (size_t i = 0; i < 30 && !failed; ++i) {
      attempted.push_back(std::string(1 + 100 * i, 'r'));
      failed = !(*writer)->Append(attempted.back()).ok();
      if (!failed) ++acknowledged;
    }
    reached_end = !failed;
    const Read read = ReadFrom(path, Identity());
    ASSERT_TRUE(read.status.ok()) << "call " << k << ": " << read.status;
    ASSERT_GE(read.records.size(), acknowledged) << "call " << k;
    ASSERT_LE(read.records.size(), attempted.size()) << "call " << k;
    attempted.resize(read.records.size());
    EXPECT_EQ(read.records, attempted) << "call " << k;
  }
  EXPECT_GT(k, 60u);
}

}  // namespace
}  // namespace nightsafe
