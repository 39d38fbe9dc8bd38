#include <fstream>

#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

namespace stdfs = std::filesystem;

class RecoveryTest : public VaultTest {
 protected:
  static void FlipBit(const std::string& file, uint64_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 0x10));
  }

  // Deposits a tree, whose absent objects the server asks for, as an agent
  // does after losing its index.
  void ExpectHeals(TestHost& host, const TestTree& tree) {
    const absl::Status status = Deposit(host, tree);
    ASSERT_TRUE(status.ok()) << status;
    ExpectLedger();
  }

  // The longest one: others may hold a manifest only.
  std::string PackOfClass(const std::string& directory, char pack_class) {
    std::string longest;
    uint64_t length = 0;
    for (const std::string& file : PackFiles(directory)) {
      std::ifstream stream(file, std::ios::binary);
      std::string header(kPackHeaderBytes, '\0');
      stream.read(header.data(), static_cast<std::streamsize>(header.size()));
      auto identity = DecodePackHeader(AsBytes(header));
      if (!identity.ok() ||
          static_cast<char>(identity->pack_class) != pack_class ||
          stdfs::file_size(file) < length) {
        continue;
      }
      longest = file;
      length = stdfs::file_size(file);
    }
    return longest;
  }
};

TEST_F(RecoveryTest, CleanStopLeavesNothingToDo) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 1)).ok());
  const uint64_t generation = vault_->figures().generation;
  Stop();
  Start();
  EXPECT_TRUE(report_.clean);
  EXPECT_EQ(report_.packs_recovered, 0u);
  EXPECT_TRUE(report_.losses.empty());
  EXPECT_TRUE(report_.notes.empty());
  EXPECT_EQ(vault_->figures().generation, generation);
  ExpectLedger();
}

TEST_F(RecoveryTest, UncleanStopFinishesPacks) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 1)).ok());
  Crash();
  Start();
  EXPECT_FALSE(report_.clean);
  EXPECT_EQ(report_.packs_recovered, 2u);
  EXPECT_TRUE(report_.losses.empty());
  EXPECT_TRUE(PackFiles(Paths().open).empty());
  EXPECT_EQ(PackFiles(Paths().sealed).size(), 2u);
  ExpectLedger();
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 2)).ok());
  ExpectLedger();
}

TEST_F(RecoveryTest, UncommittedObjectsSurviveAKillButAreNotListed) {
  const TestTree tree = web_.MakeTree(10, 100, 1);
  auto session = OpenSession(web_, RandomId<SessionId>());
  ASSERT_TRUE(PutAll(*session, tree).ok());
  session.reset();
  Crash();
  Start();
  EXPECT_EQ(report_.objects_recovered, tree.objects.size());
  EXPECT_TRUE(vault_->Snapshots({}).empty());
  const SessionId id = RandomId<SessionId>();
  auto outcome =
      OpenSession(web_, id)->Commit(AsBytes(web_.MakeManifest(tree.root, id)));
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(std::holds_alternative<Committed>(*outcome));
}

TEST_F(RecoveryTest, DeletedIndexIsMadeAgain) {
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, i)).ok());
  }
  const uint64_t generation = vault_->figures().generation;
  const auto before = vault_->Snapshots({});
  Stop();
  stdfs::remove_all(IndexPath());
  Start();
  EXPECT_GT(report_.objects_indexed, 30u);
  EXPECT_GT(vault_->figures().generation, generation);
  EXPECT_EQ(vault_->Snapshots({}).size(), before.size());
  ExpectLedger();
  Crash();
  stdfs::remove_all(IndexPath());
  Start();
  ExpectLedger();
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 0)).ok());
}

TEST_F(RecoveryTest, OldIndexCatchesUp) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 1)).ok());
  Stop();
  const std::string copy = directory_ + "/old-index";
  stdfs::copy(IndexPath(), copy, stdfs::copy_options::recursive);
  Start();
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 2)).ok());
  const uint64_t generation = vault_->figures().generation;
  for (const bool clean : {true, false}) {
    if (clean) {
      Stop();
    } else {
      Crash();
    }
    stdfs::remove_all(IndexPath());
    stdfs::copy(copy, IndexPath(), stdfs::copy_options::recursive);
    Start();
    EXPECT_GT(report_.objects_indexed, 0u);
    EXPECT_GT(vault_->figures().generation, generation);
    ExpectLedger();
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 3)).ok());
  }
}

TEST_F(RecoveryTest, IndexOfAnotherHistoryIsMadeAgain) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 100, 1)).ok());
  Stop();
  {
    auto index = ObjectIndex::Open(IndexPath());
    IndexBatch batch;
    batch.journal_records = 1'000'000;
    ASSERT_TRUE(
        (*index)->Write(vault_keys_.registration().id, batch, true).ok());
  }
  Start();
  EXPECT_GT(report_.objects_indexed, 10u);
  ExpectLedger();
}

TEST_F(RecoveryTest, MissingPackIsReportedAndHeals) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  const uint64_t generation = vault_->figures().generation;
  for (const char pack_class : {'\1', '\2'}) {
    Stop();
    stdfs::remove(PackOfClass(Paths().sealed, pack_class));
    Start();
    EXPECT_FALSE(report_.clean);
    ASSERT_EQ(report_.losses.size(), 1u);
    EXPECT_NE(report_.losses[0].find("web1/files"), std::string::npos)
        << report_.losses[0];
    EXPECT_GT(vault_->figures().generation, generation);
    EXPECT_EQ(vault_->Snapshots({}).size(), ledger_.size());
    auto fetched = FetchAll(
        *vault_, 1, {tree.objects[0].ref.id, tree.objects.back().ref.id});
    const ObjectId gone =
        pack_class == '\1' ? tree.objects[0].ref.id : tree.root.id;
    EXPECT_TRUE(absl::IsNotFound(fetched[gone].status));
    const SessionId id = RandomId<SessionId>();
    auto outcome = OpenSession(web_, id)->Commit(
        AsBytes(web_.MakeManifest(tree.root, id)));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_FALSE(std::get<Incomplete>(*outcome).missing.empty());
    // Manifests are in the commit records; a lost copy does not come back.
    for (Deposited& deposited : ledger_) deposited.objects.pop_back();
    ExpectHeals(web_, tree);
    Stop();
    Start();
    EXPECT_TRUE(report_.clean);
    EXPECT_TRUE(report_.losses.empty());
    ExpectLedger();
    for (Deposited& deposited : ledger_) {
      deposited.objects.push_back(tree.objects[0]);
    }
  }
}

TEST_F(RecoveryTest, ShortPackKeepsWhatStands) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  const std::string file = PackOfClass(Paths().sealed, '\1');
  stdfs::resize_file(file, stdfs::file_size(file) - 1);
  for (int run = 0; run < 2; ++run) {
    Start();
    EXPECT_EQ(report_.losses.size(), 1u);  // again until a commit
    std::vector<ObjectId> data;
    for (const SealedObject& object : tree.objects) {
      if (ParseObject(AsBytes(object.bytes))->kind == ObjectKind::kData) {
        data.push_back(object.ref.id);
      }
    }
    auto fetched = FetchAll(*vault_, 1, data);
    EXPECT_TRUE(absl::IsNotFound(fetched[data.back()].status));
    data.pop_back();
    for (const ObjectId& id : data) EXPECT_TRUE(fetched[id].status.ok());
    Crash();
    // A rebuilt index says the same.
    stdfs::remove_all(IndexPath());
  }
  Start();
  ExpectHeals(web_, tree);
}

TEST_F(RecoveryTest, DamageInAnOpenPackIsReported) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  const std::string file = PackOfClass(Paths().open, '\1');
  Crash();
  FlipBit(file, kPackHeaderBytes + kPackRecordHeaderBytes + 100);
  Start();
  ASSERT_EQ(report_.losses.size(), 1u);
  EXPECT_NE(report_.losses[0].find("1 objects are gone"), std::string::npos)
      << report_.losses[0];
  auto fetched = FetchAll(*vault_, 1, {tree.objects[0].ref.id});
  EXPECT_TRUE(absl::IsNotFound(fetched[tree.objects[0].ref.id].status));
  ExpectHeals(web_, tree);
}

// The index knows of more than the journal, and what it knows is gone: however
// often the recovery of that is interrupted, no closed mark outlives it.
TEST_F(RecoveryTest, AnInterruptedRecoveryDoesNotForgetALoss) {
  bool failed = true;
  uint64_t k = 0;
  for (; failed && k < 50; ++k) {
    const TestTree tree = web_.MakeTree(3, 500, 100 + k);
    fs_.Inject({.status = absl::UnavailableError("injected EIO"),
                .operation = FileOperation::kSync,
                .path_contains = "/journal/"});
    ASSERT_FALSE(Deposit(web_, tree).ok());
    // The index has the whole tree by now, marked as closed.
    const std::string file = PackOfClass(Paths().open, '\1');
    Crash();
    stdfs::resize_file(file, kPackHeaderBytes);
    fs_.FailMutatingCall(k, absl::UnavailableError("injected EIO"));
    failed = !TryStart().ok();
    fs_.Heal();
    Crash();
    Start();
    const SessionId id = RandomId<SessionId>();
    auto outcome = OpenSession(web_, id)->Commit(
        AsBytes(web_.MakeManifest(tree.root, id)));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_TRUE(std::holds_alternative<Incomplete>(*outcome)) << "call " << k;
    EXPECT_EQ(std::get<Incomplete>(*outcome).missing.size(), 3u);
    Stop();
    Start();
  }
  EXPECT_GT(k, 5u);
  EXPECT_FALSE(failed);
}

TEST_F(RecoveryTest, FlippedBitIsFoundByFetchAndScrub) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  const std::string file = PackOfClass(Paths().sealed, '\1');
  const uint64_t offset = kPackHeaderBytes + kPackRecordHeaderBytes;
  FlipBit(file, offset + 100);
  Start();
  EXPECT_TRUE(report_.clean);
  const ObjectId id = tree.objects[0].ref.id;
  EXPECT_TRUE(absl::IsDataLoss(FetchAll(*vault_, 1, {id})[id].status));
  auto problems = vault_->Scrub({});
  ASSERT_TRUE(problems.ok()) << problems.status();
  ASSERT_EQ(problems->problems.size(), 1u);
  const ScrubProblem& problem = problems->problems.front();
  EXPECT_EQ(problem.id, id);
  EXPECT_EQ(problem.domain_number, 1u);
  EXPECT_EQ(problem.offset, offset);
  EXPECT_EQ(problem.verdict, Verdict::kWrong);
  EXPECT_EQ(problem.pack, stdfs::path(file).filename().string());
  // Quarantined: absent, so that it is put again.
  EXPECT_TRUE(absl::IsNotFound(FetchAll(*vault_, 1, {id})[id].status));
  ExpectHeals(web_, tree);
  Crash();
  stdfs::remove_all(IndexPath());
  Start();
  ExpectLedger();
}

TEST_F(RecoveryTest, CommitFindsARottenNode) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  auto session = OpenSession(web_, RandomId<SessionId>());
  ASSERT_TRUE(PutAll(*session, tree).ok());
  session.reset();
  Stop();
  FlipBit(PackOfClass(Paths().sealed, '\2'),
          kPackHeaderBytes + kPackRecordHeaderBytes + 90);
  Start();
  const SessionId id = RandomId<SessionId>();
  session = OpenSession(web_, id);
  const std::string manifest = web_.MakeManifest(tree.root, id);
  auto outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(std::get<Incomplete>(*outcome).missing.size(), 1u);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  EXPECT_EQ(session->stored_objects(), 1u);
  outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
}

TEST_F(RecoveryTest, ScrubOfAGoodVaultFindsNothing) {
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, i)).ok());
  }
  Crash();
  Start();
  ScrubProgress last;
  auto problems = vault_->Scrub([&](const ScrubProgress& progress) {
    last = progress;
    return absl::OkStatus();
  });
  ASSERT_TRUE(problems.ok());
  EXPECT_TRUE(problems->problems.empty()) << problems->problems.front().detail;
  EXPECT_EQ(last.objects, vault_->figures().stored_objects);
  EXPECT_TRUE(absl::IsCancelled(vault_
                                    ->Scrub([](const ScrubProgress&) {
                                      return absl::CancelledError("enough");
                                    })
                                    .status()));
}

TEST_F(RecoveryTest, ScrubComparesTheIndex) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(3, 500, 1)).ok());
  Crash();
  Start();
  const auto pack = ParsePackFileName(
      stdfs::path(PackFiles(Paths().sealed)[0]).filename().string());
  IndexBatch batch;
  batch.objects = {
      {1, RandomId<ObjectId>(), {.pack = *pack, .offset = 80, .length = 50}}};
  ASSERT_TRUE(index_->Write(vault_keys_.registration().id, batch, true).ok());
  auto problems = vault_->Scrub({});
  ASSERT_TRUE(problems.ok());
  ASSERT_EQ(problems->problems.size(), 1u);
  EXPECT_EQ(problems->problems.front().id, batch.objects[0].id);
}

}  // namespace
}  // namespace nightsafe
