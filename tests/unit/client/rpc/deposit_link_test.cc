// The deposit side over a link that breaks.
#include <random>

#include "tests/unit/client/rpc/link_fixture.h"

namespace nightsafe {
namespace {

// Cuts once the session is open and the server has said `bytes` more.
OnBackupProgress CutWhenOpen(CutLink& link, uint64_t bytes) {
  return [&link, bytes, armed = false](const BackupProgress& progress) mutable {
    if (progress.phase != BackupProgress::Phase::kReading || armed) return;
    armed = true;
    link.CutAfter(bytes);
  };
}

TEST_F(LinkTest, BackupOutlivesCutsAnywhere) {
  std::mt19937 random(20261123);
  for (uint64_t round = 0; round < 12; ++round) {
    Write("large0", PseudoRandomBytes(3 << 20, 1000 + round));
    const auto early = CutWhenOpen(link_, random() % 300);
    const auto result = Backup([&](const BackupProgress& progress) {
      early(progress);
      // One more, before or after the commit is answered.
      if (progress.phase == BackupProgress::Phase::kCommitting) {
        link_.CutAfter(random() % 150);
      }
    });
    ASSERT_TRUE(result.ok()) << round << ": " << result.status();
    ASSERT_EQ(Listed().size(), round + 1) << "one snapshot for each commit";
    link_.CutAfter(uint64_t{1} << 40);
  }
  EXPECT_GE(link_.cuts(), 12u);
  const std::string target = directory_.Path("target");
  ASSERT_TRUE(Restore(target, {}).ok());
  ExpectRestored(target);
}

TEST_F(LinkTest, WhatIsStoredIsNotSentAgainAfterACut) {
  ASSERT_TRUE(Backup().ok());
  for (uint64_t i = 0; i < 6; ++i) {
    Write("large" + std::to_string(i), PseudoRandomBytes(2 << 20, 200 + i));
  }
  const auto result = Backup(CutWhenOpen(link_, 250));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(link_.cuts(), 1u);
  // What was on its way at the cut is sent again: of one put per credit.
  EXPECT_LE(result->totals.sent_bytes, uint64_t{(12 << 20) + (9 << 20)});
}

TEST_F(LinkTest, CommitWhoseAnswerIsLostIsMadeOnce) {
  link_.CutIf([this] { return !Listed().empty(); });
  const auto result = Backup();
  EXPECT_EQ(link_.cuts(), 1u);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(Listed().size(), 1u);
  EXPECT_EQ(SnapshotId::FromValidBytes(
                ObjectIdOf(AsBytes(Listed()[0].manifest)).view()),
            result->snapshot);
}

TEST_F(LinkTest, ReconnectsAreBounded) {
  options_.max_reconnects = 3;
  const auto result = Backup([&](const BackupProgress& progress) {
    if (progress.phase == BackupProgress::Phase::kFinishing) {
      link_.SetUp(false);
    }
  });
  ASSERT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  EXPECT_NE(result.status().message().find(link_.address()),
            absl::string_view::npos)
      << result.status();
  EXPECT_TRUE(Listed().empty());
  link_.SetUp(true);
  ASSERT_TRUE(Backup().ok());
  EXPECT_EQ(Listed().size(), 1u);
}

TEST_F(LinkTest, ARefusalIsNotTriedAgain) {
  ASSERT_TRUE(Backup().ok());
  options_.first_wait = absl::Hours(1);  // a retry would outlast the test
  bool revoked = false;
  const auto result = Backup([&](const BackupProgress& progress) {
    if (progress.phase != BackupProgress::Phase::kCommitting || revoked) return;
    revoked = true;
    server_.RevokeHost("main", "web1");
  });
  EXPECT_TRUE(absl::IsPermissionDenied(result.status()) ||
              absl::IsUnauthenticated(result.status()))
      << result.status();
  EXPECT_EQ(Listed().size(), 1u);
}

}  // namespace
}  // namespace nightsafe
