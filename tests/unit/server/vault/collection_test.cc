#include "server/vault/collection.h"

#include <fstream>

#include "common/io/durable_file.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

class CollectionTest : public VaultTest {
 protected:
  // A pack without garbage, then one of which two thirds were never committed.
  void MakeGarbage() {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(40, 3000, 1)).ok());
    Stop();
    Start();
    abandoned_ = web_.MakeTree(20, 3000, 2);
    auto session = OpenSession(web_, RandomId<SessionId>());
    ASSERT_TRUE(PutAll(*session, abandoned_).ok());
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(8, 3000, 3)).ok());
    session.reset();
    Stop();
    Start();
  }

  absl::StatusOr<CollectResult> Collect(const CollectOptions& options = {}) {
    return vault_->Collect(options, {});
  }

  std::vector<ObjectId> Abandoned() const {
    std::vector<ObjectId> ids;
    for (const SealedObject& object : abandoned_.objects) {
      ids.push_back(object.ref.id);
    }
    return ids;
  }
  size_t AbandonedThere() {
    size_t there = 0;
    for (const auto& [id, object] : FetchAll(*vault_, 1, Abandoned())) {
      there += object.status.ok();
    }
    return there;
  }

  // As nightsafe-sweep.
  size_t RemovePacks() {
    size_t removed = 0;
    for (const PackId& pack : vault_->Read([](const VaultState& state) {
           std::vector<PackId> packs;
           for (const auto& [id, pack_state] : state.packs()) {
             if (pack_state.removed) packs.push_back(id);
           }
           return packs;
         })) {
      removed += std::filesystem::remove(Paths().SealedPack(pack));
      std::filesystem::remove(Paths().sealed + "/" + TocFileName(pack));
    }
    return removed;
  }

  void ExpectCleanScrub() {
    const auto scrub = vault_->Scrub({});
    ASSERT_TRUE(scrub.ok()) << scrub.status();
    for (const ScrubProblem& problem : scrub->problems) {
      ADD_FAILURE() << problem.pack << ": " << problem.detail;
    }
  }

  TestTree abandoned_;
};

TEST_F(CollectionTest, RemovesWhatNobodyNeeds) {
  MakeGarbage();
  const uint64_t before = vault_->figures().stored_bytes;
  EXPECT_EQ(AbandonedThere(), abandoned_.objects.size());
  const auto result = Collect();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->figures.condemned_objects(), abandoned_.objects.size());
  EXPECT_GE(result->figures.removed_packs(), 1u);
  EXPECT_GT(result->figures.rewritten_bytes(), 0u);
  EXPECT_LE(result->figures.rewritten_bytes(),
            2 * result->figures.condemned_bytes());
  EXPECT_LT(vault_->figures().stored_bytes, before);
  EXPECT_EQ(AbandonedThere(), 0u);
  ExpectLedger();
  EXPECT_EQ(RemovePacks(), result->figures.removed_packs());
  ExpectLedger();
  ExpectCleanScrub();
  Stop();
  Start();
  EXPECT_TRUE(report_.losses.empty());
  EXPECT_TRUE(report_.clean);
  ExpectLedger();
  ExpectCleanScrub();
  Stop();
  std::filesystem::remove_all(IndexPath());
  Start();
  EXPECT_TRUE(report_.losses.empty());
  ExpectLedger();
  EXPECT_EQ(AbandonedThere(), 0u);
  ExpectCleanScrub();
}

// Nobody committed since, so nothing of it was indexed or finished before.
TEST_F(CollectionTest, RemovesWhatLiesInOpenPacks) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(40, 3000, 1)).ok());
  Stop();
  Start();
  abandoned_ = web_.MakeTree(20, 3000, 2);
  auto session = OpenSession(web_, RandomId<SessionId>());
  ASSERT_TRUE(PutAll(*session, abandoned_).ok());
  session.reset();
  vault_->ExpireSessions(absl::InfiniteFuture());
  const auto seen = Collect({.dry_run = true});
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->figures.condemned_objects(), abandoned_.objects.size());
  EXPECT_EQ(AbandonedThere(), abandoned_.objects.size());
  EXPECT_EQ(vault_->health().open_packs, 2u);
  const auto result = Collect();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->figures.removed_packs(), 2u);
  EXPECT_EQ(result->freed_bytes, seen->freed_bytes);
  EXPECT_EQ(AbandonedThere(), 0u);
  EXPECT_EQ(vault_->health().open_packs, 0u);
  ExpectLedger();
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(8, 3000, 3)).ok());
  ExpectLedger();
  ExpectCleanScrub();
}

// Finishing it would only make small packs.
TEST_F(CollectionTest, AnOpenPackThatIsNeededStaysOpen) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(40, 3000, 1)).ok());
  ASSERT_TRUE(Collect().ok());
  EXPECT_EQ(vault_->health().open_packs, 2u);
}

TEST_F(CollectionTest, ARemovedPackDoesNotComeBackFromARebuild) {
  MakeGarbage();
  ASSERT_TRUE(Collect().ok());
  Stop();
  std::filesystem::remove_all(IndexPath());
  Start();
  ExpectLedger();
  EXPECT_EQ(AbandonedThere(), 0u);
}

TEST_F(CollectionTest, FindsNothingTheSecondTime) {
  MakeGarbage();
  ASSERT_TRUE(Collect().ok());
  const auto again = Collect();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->figures.condemned_objects(), 0u);
  EXPECT_EQ(again->figures.removed_packs(), 0u);
  ExpectLedger();
}

TEST_F(CollectionTest, ADryRunChangesNothing) {
  MakeGarbage();
  const uint64_t before = vault_->figures().stored_bytes;
  const auto result = Collect({.dry_run = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->figures.condemned_objects(), abandoned_.objects.size());
  EXPECT_GT(result->freed_bytes, 0u);
  EXPECT_EQ(vault_->figures().stored_bytes, before);
  EXPECT_EQ(AbandonedThere(), abandoned_.objects.size());
}

TEST_F(CollectionTest, AnOpenSessionKeepsWhatItPut) {
  MakeGarbage();
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, abandoned_).ok());
  EXPECT_EQ(session->stored_objects(), 0u);  // all were present
  session.reset();                           // the stream, not the session
  auto result = Collect();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->figures.condemned_objects(), 0u);
  session = OpenSession(web_, id);
  auto outcome =
      session->Commit(AsBytes(web_.MakeManifest(abandoned_.root, id)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Committed>(*outcome));
}

TEST_F(CollectionTest, AnExpiredSessionKeepsNothing) {
  MakeGarbage();
  auto session = OpenSession(web_, RandomId<SessionId>());
  ASSERT_TRUE(PutAll(*session, abandoned_).ok());
  session.reset();
  clock_.Set(clock_.Now() + absl::Hours(25));
  EXPECT_EQ(vault_->ExpireSessions(clock_.Now() - absl::Hours(24)), 1u);
  const auto result = Collect();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->figures.condemned_objects(), abandoned_.objects.size());
}

// It commits what was not remembered after the snapshots were listed.
TEST_F(CollectionTest, WhoTouchedTooMuchIsNotForgottenWhenItCommits) {
  for (const bool before : {true, false}) {
    TearDown();
    ledger_.clear();
    web_ = vault_keys_.MakeHost("web1", 1);
    options_.max_touches = kMaxTouches;
    SetUp();
    MakeGarbage();
    options_.max_touches = 5;
    Stop();
    Start();
    const SessionId id = RandomId<SessionId>();
    auto session = OpenSession(web_, id);
    if (before) {
      ASSERT_TRUE(PutAll(*session, abandoned_).ok());
    }
    auto collection = vault_->BeginCollection({.nodes_per_step = 1});
    absl::StatusOr<bool> stepped = collection->Step();
    EXPECT_EQ(stepped.ok(), !before) << stepped.status();
    if (!before) {
      ASSERT_TRUE(PutAll(*session, abandoned_).ok());
    }
    const std::string manifest = web_.MakeManifest(abandoned_.root, id);
    const auto outcome = session->Commit(AsBytes(manifest));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
    web_.Advance(std::get<Committed>(*outcome).snapshot);
    Remember(std::get<Committed>(*outcome).snapshot, abandoned_, manifest);
    session.reset();
    while (stepped.ok() && !*stepped) stepped = collection->Step();
    EXPECT_TRUE(absl::IsFailedPrecondition(stepped.status()))
        << stepped.status();
    collection.reset();
    ExpectLedger();
    const auto result = Collect();
    ASSERT_TRUE(result.ok()) << result.status();
    RemovePacks();
    ExpectLedger();
  }
}

// A stale index: the commit says what is missing, and heals.
TEST_F(CollectionTest, WhatWasCollectedIsAnsweredAsMissing) {
  MakeGarbage();
  ASSERT_TRUE(Collect().ok());
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  const std::string manifest = web_.MakeManifest(abandoned_.root, id);
  auto outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Incomplete>(*outcome));
  ASSERT_TRUE(PutAll(*session, abandoned_).ok());
  outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
  Remember(std::get<Committed>(*outcome).snapshot, abandoned_, manifest);
  ExpectLedger();
}

// At each step of a collection somebody puts what is or will be condemned, and
// commits it.
TEST_F(CollectionTest, PutsAtAnyStepComeBackToLife) {
  for (int at = 0;; ++at) {
    TearDown();
    ledger_.clear();
    web_ = vault_keys_.MakeHost("web1", 1);
    SetUp();
    MakeGarbage();
    auto collection = vault_->BeginCollection({});
    bool done = false;
    for (int step = 0; step < at && !done; ++step) {
      const auto stepped = collection->Step();
      ASSERT_TRUE(stepped.ok()) << stepped.status();
      done = *stepped;
    }
    ASSERT_TRUE(Deposit(web_, abandoned_).ok()) << at;
    bool ended = done;
    while (!ended) {
      const auto stepped = collection->Step();
      ASSERT_TRUE(stepped.ok()) << at << ": " << stepped.status();
      ended = *stepped;
    }
    collection.reset();
    RemovePacks();
    ExpectLedger();
    Stop();
    Start();
    EXPECT_TRUE(report_.losses.empty()) << at;
    ExpectLedger();
    ExpectCleanScrub();
    if (done) break;
  }
}

TEST_F(CollectionTest, AnUnusualShareNeedsAnOverride) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(4, 1000, 1)).ok());
  auto session = OpenSession(web_, RandomId<SessionId>());
  abandoned_ = web_.MakeTree(40, 1000, 2);
  ASSERT_TRUE(PutAll(*session, abandoned_).ok());
  session.reset();
  Stop();
  Start();
  EXPECT_TRUE(absl::IsFailedPrecondition(Collect().status()));
  EXPECT_EQ(AbandonedThere(), abandoned_.objects.size());
  const auto dry = Collect({.dry_run = true});
  ASSERT_TRUE(dry.ok());
  EXPECT_TRUE(dry->unusual_share);
  const auto result = Collect({.override_share = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(AbandonedThere(), 0u);
  ExpectLedger();
}

TEST_F(CollectionTest, ASnapshotThatLacksSomethingStopsIt) {
  MakeGarbage();
  // A node of the first snapshot, above four data objects.
  const std::string& bytes = ledger_[0].objects[4].bytes;
  for (const std::string& path : PackFiles(Paths().sealed)) {
    auto file = posix_->OpenForWrite(path);
    ASSERT_TRUE(file.ok());
    std::string content = *ReadExactly(**file, 0, *(*file)->Size());
    const size_t at = content.find(bytes);
    if (at == std::string::npos) continue;
    ASSERT_TRUE((*file)->WriteAt(at + 20, AsBytes("xxxx")).ok());
  }
  FetchAll(*vault_, 1, {ledger_[0].objects[4].ref.id});
  EXPECT_TRUE(absl::IsFailedPrecondition(Collect().status()));
  EXPECT_EQ(AbandonedThere(), abandoned_.objects.size());
  const auto result = Collect({.override_missing = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->missing_objects, 1u);
  EXPECT_EQ(AbandonedThere(), 0u);
}

TEST_F(CollectionTest, ANewGenerationStopsIt) {
  MakeGarbage();
  auto collection = vault_->BeginCollection({});
  ASSERT_TRUE(collection->Step().ok());
  // One of the abandoned is found wrong.
  const std::string& bytes = abandoned_.objects[0].bytes;
  for (const std::string& path : PackFiles(Paths().sealed)) {
    auto file = posix_->OpenForWrite(path);
    std::string content = *ReadExactly(**file, 0, *(*file)->Size());
    const size_t at = content.find(bytes);
    if (at == std::string::npos) continue;
    ASSERT_TRUE((*file)->WriteAt(at + 20, AsBytes("xxxx")).ok());
  }
  FetchAll(*vault_, 1, {abandoned_.objects[0].ref.id});
  absl::StatusOr<bool> stepped = false;
  while (stepped.ok() && !*stepped) stepped = collection->Step();
  EXPECT_TRUE(absl::IsAborted(stepped.status())) << stepped.status();
  collection.reset();
  ExpectLedger();
  ASSERT_TRUE(Collect().ok());
  ExpectLedger();
}

TEST_F(CollectionTest, OneAtATimeAndStoppedByItsCaller) {
  MakeGarbage();
  const auto stopped =
      vault_->Collect({}, [&](const CollectProgress&) -> absl::Status {
        EXPECT_TRUE(absl::IsFailedPrecondition(Collect().status()));
        return absl::CancelledError("enough");
      });
  EXPECT_TRUE(absl::IsCancelled(stopped.status()));
  EXPECT_EQ(AbandonedThere(), abandoned_.objects.size());
  EXPECT_TRUE(Collect().ok());
}

}  // namespace
}  // namespace nightsafe
