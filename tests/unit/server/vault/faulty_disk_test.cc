#include "absl/strings/match.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

class FaultyDiskTest : public VaultTest {};

// Any mutating call fails, once or from then on: what was acknowledged stands
// after a restart, and the next deposit works.
TEST_F(FaultyDiskTest, EveryFailingCallIsReportedOrHarmless) {
  Stop();
  options_.data_pack_bytes = 4 << 10;
  options_.node_pack_bytes = 2 << 10;
  Start();
  for (const bool sticky : {false, true}) {
    bool failed = true;
    uint64_t k = 0;
    for (; failed && k < 500; ++k) {
      const uint64_t seed = 10'000 * (sticky ? 2 : 1) + k;
      fs_.FailMutatingCall(k, absl::UnavailableError("injected EIO"), sticky);
      const uint64_t first = fs_.mutating_calls();
      Deposit(web_, web_.MakeTree(8, 900, seed)).IgnoreError();
      failed = fs_.mutating_calls() - first > k;
      fs_.Heal();
      Crash();
      Start();
      EXPECT_TRUE(report_.losses.empty()) << report_.losses.front();
      ExpectLedger();
      if (HasFatalFailure()) return;
      if (ledger_.size() > 3) ledger_.erase(ledger_.begin());
      // Whether the refused commit is there or not, the set goes on.
      const TestTree next = web_.MakeTree(2, 300, 50'000 + seed);
      ASSERT_TRUE(Deposit(web_, next).ok()) << "call " << k;
    }
    RecordProperty(sticky ? "sticky_calls" : "single_calls",
                   static_cast<int>(k));
    EXPECT_GT(k, 20u);
    EXPECT_FALSE(failed);
  }
}

TEST_F(FaultyDiskTest, EveryFailingCallOfAStartCanBeRepeated) {
  bool failed = true;
  uint64_t k = 0;
  for (; failed && k < 200; ++k) {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(4, 500, k)).ok());
    if (ledger_.size() > 3) ledger_.erase(ledger_.begin());
    Crash();
    const uint64_t first = fs_.mutating_calls();
    fs_.FailMutatingCall(k, absl::UnavailableError("injected EIO"));
    const absl::Status status = TryStart();
    failed = fs_.mutating_calls() - first > k;
    // A journal's `newest` may say less than it could.
    const bool harmless = absl::StrContains(fs_.last_hit(), "/newest");
    EXPECT_EQ(status.ok(), !failed || harmless) << status << fs_.last_hit();
    fs_.Heal();
    Crash();
    Start();
    EXPECT_TRUE(report_.losses.empty()) << report_.losses.front();
    ExpectLedger();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(k, 10u);
  EXPECT_FALSE(failed);
}

TEST_F(FaultyDiskTest, FailedJournalMakesReadOnlyUntilRestarted) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(2, 100, 1)).ok());
  fs_.Inject({.status = absl::UnavailableError("injected EIO"),
              .operation = FileOperation::kSync,
              .path_contains = "/journal/"});
  EXPECT_FALSE(Deposit(web_, web_.MakeTree(2, 100, 2)).ok());
  EXPECT_FALSE(vault_->read_only_reason().empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      vault_->OpenSession(web_.registration(), "files", RandomId<SessionId>())
          .status()));
  ExpectLedger();
  Crash();
  Start();
  EXPECT_TRUE(vault_->read_only_reason().empty());
  ExpectLedger();
}

TEST_F(FaultyDiskTest, DeadPackIsForgottenAndTheCommitSaysWhatIsMissing) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(2, 100, 1)).ok());
  const uint64_t generation = vault_->figures().generation;
  const TestTree tree = web_.MakeTree(2, 100, 2);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  fs_.Inject({.status = absl::UnavailableError("injected EIO"),
              .operation = FileOperation::kSync,
              .path_contains = "/packs/open"});
  const std::string manifest = web_.MakeManifest(tree.root, id);
  auto outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_FALSE(std::get<Incomplete>(*outcome).missing.empty());
  EXPECT_GT(vault_->figures().generation, generation);
  EXPECT_TRUE(vault_->read_only_reason().empty());
  ASSERT_TRUE(PutAll(*session, tree).ok());
  outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
  Remember(std::get<Committed>(*outcome).snapshot, tree, manifest);
  ExpectLedger();
  session.reset();
  Crash();
  Start();
  EXPECT_TRUE(report_.losses.empty());
  ExpectLedger();
}

// What is stored can be committed while puts are refused, but not for ever:
// the last quarter of the reserve is for the admin's records.
TEST_F(FaultyDiskTest, TheReserveHasAPartThatCommitsLeave) {
  const TestTree tree = web_.MakeTree(4, 500, 1);
  ASSERT_TRUE(PutAll(*OpenSession(web_, RandomId<SessionId>()), tree).ok());
  Stop();
  const uint64_t available = fs_.Space(directory_)->available_bytes;
  const SessionId id = RandomId<SessionId>();
  const std::string manifest = web_.MakeManifest(tree.root, id);
  for (const uint64_t reserve : {8 * available, 2 * available}) {
    options_.reserve_bytes = reserve;
    Start();
    auto session = OpenSession(web_, id);
    EXPECT_TRUE(
        absl::IsResourceExhausted(PutAll(*session, web_.MakeTree(1, 500, 2))));
    const auto outcome = session->Commit(AsBytes(manifest));
    EXPECT_EQ(vault_->read_only_reason(), "");
    if (reserve == 8 * available) {
      EXPECT_TRUE(absl::IsResourceExhausted(outcome.status()));
      EXPECT_TRUE(vault_->Snapshots({}).empty());
    } else {
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      Remember(std::get<Committed>(*outcome).snapshot, tree, manifest);
      ExpectLedger();
    }
    session.reset();
    Stop();
  }
  Start();
}

// Whichever write of a deposit finds the disk full: the host is told so, and
// the next deposit works as soon as there is room, without a restart.
TEST_F(FaultyDiskTest, AFullDiskPasses) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(2, 100, 1)).ok());
  bool failed = true;
  uint64_t k = 0;
  for (; failed && k < 100; ++k) {
    for (const FileOperation operation :
         {FileOperation::kWrite, FileOperation::kCreate}) {
      // Not the journal: its room is reserved.
      fs_.Inject({.status = absl::ResourceExhaustedError("no space left"),
                  .after = k,
                  .operation = operation,
                  .path_contains = "/packs/open/",
                  .sticky = true});
    }
    const TestTree tree = web_.MakeTree(4, 500, 100 + k);
    const SessionId id = RandomId<SessionId>();
    const absl::Status status = Deposit(web_, tree, id);
    failed = !status.ok();
    if (failed) {
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << k << ": " << status;
    }
    fs_.Heal();
    EXPECT_EQ(vault_->read_only_reason(), "");
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(2, 100, 1000 + k)).ok()) << k;
    if (ledger_.size() > 3) ledger_.erase(ledger_.begin());
    ExpectLedger();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(k, 5u);
  EXPECT_FALSE(failed);
  Stop();
  Start();
  EXPECT_TRUE(report_.clean);
  EXPECT_TRUE(report_.losses.empty());
  ExpectLedger();
}

TEST_F(FaultyDiskTest, AFullJournalRefusesACommitAndPasses) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(2, 100, 1)).ok());
  // The first append of a run begins a segment, which needs room.
  Stop();
  Start();
  fs_.Inject({.status = absl::ResourceExhaustedError("no space left"),
              .operation = FileOperation::kAllocate,
              .path_contains = "/journal/",
              .sticky = true});
  const TestTree tree = web_.MakeTree(2, 100, 2);
  const SessionId id = RandomId<SessionId>();
  for (int i = 0; i < 3; ++i) {
    const absl::Status refused = Deposit(web_, tree, id);
    EXPECT_TRUE(absl::IsResourceExhausted(refused));
    EXPECT_TRUE(
        absl::StrContains(refused.message(), "earlier snapshots are intact"))
        << refused;
  }
  EXPECT_EQ(vault_->Snapshots({}).size(), 1u);
  EXPECT_EQ(vault_->read_only_reason(), "");
  fs_.Heal();
  ASSERT_TRUE(Deposit(web_, tree, id).ok());
  ExpectLedger();
}

// A pack that died before its first sync is no part of the figures.
TEST_F(FaultyDiskTest, ADeadPackIsNotCounted) {
  fs_.Inject({.status = absl::UnavailableError("injected EIO"),
              .operation = FileOperation::kSync,
              .path_contains = "/packs/open"});
  EXPECT_FALSE(Deposit(web_, web_.MakeTree(2, 100, 1)).ok());
  const TestTree tree = web_.MakeTree(2, 100, 2);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  const VaultFigures before = vault_->figures();
  Stop();
  Start();
  EXPECT_EQ(vault_->figures().stored_objects, before.stored_objects);
}

}  // namespace
}  // namespace nightsafe
