#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/object/object.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

class DepositTest : public VaultTest {};

std::vector<ObjectId> IdsOf(const TestTree& tree) {
  std::vector<ObjectId> ids;
  for (const SealedObject& object : tree.objects) ids.push_back(object.ref.id);
  return ids;
}

std::string Concatenate(const std::vector<ObjectId>& ids) {
  std::string bytes;
  for (const ObjectId& id : ids) AppendBytes(id.bytes, bytes);
  return bytes;
}

TEST_F(DepositTest, WhatIsCommittedIsListedAndFetched) {
  const TestTree tree = web_.MakeTree(20, 3000, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  const std::string ids = Concatenate(IdsOf(tree));
  auto wanted = session->Wanted(AsBytes(ids));
  ASSERT_TRUE(wanted.ok());
  EXPECT_EQ(wanted->size(), (tree.objects.size() + 7) / 8);
  EXPECT_EQ(static_cast<uint8_t>((*wanted)[0]), 0xff);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  EXPECT_EQ(session->stored_objects(), tree.objects.size());
  EXPECT_EQ(*session->Wanted(AsBytes(ids)), std::string(wanted->size(), '\0'));
  EXPECT_TRUE(vault_->Snapshots({}).empty());

  const std::string manifest = web_.MakeManifest(tree.root, id);
  auto outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const Committed& committed = std::get<Committed>(*outcome);
  EXPECT_EQ(committed.sequence, 1u);
  // The journal's first record bears the standing clock's time.
  EXPECT_EQ(committed.received, clock_.Now() + absl::Nanoseconds(1));
  Remember(committed.snapshot, tree, manifest);
  ExpectLedger();
  const SnapshotInfo info = vault_->Snapshots({}).at(0);
  EXPECT_EQ(info.host, "web1");
  EXPECT_EQ(info.set, "files");
  EXPECT_EQ(info.manifest, manifest);
  EXPECT_EQ(info.new_objects, tree.objects.size());
  EXPECT_FALSE(info.forked);
  EXPECT_EQ(vault_->sealed_keyring(), "keyring");
}

TEST_F(DepositTest, MissingChildrenAreNamedAndThenHeal) {
  const TestTree tree = web_.MakeTree(9, 500, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  for (size_t i = 1; i < tree.objects.size(); ++i) {
    ASSERT_TRUE(session->Put(AsBytes(tree.objects[i].bytes)).ok());
  }
  const std::string manifest = web_.MakeManifest(tree.root, id);
  auto outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const Incomplete& incomplete = std::get<Incomplete>(*outcome);
  EXPECT_EQ(incomplete.missing, std::vector<ObjectId>{tree.objects[0].ref.id});
  EXPECT_FALSE(incomplete.more);
  EXPECT_TRUE(vault_->Snapshots({}).empty());
  ASSERT_TRUE(session->Put(AsBytes(tree.objects[0].bytes)).ok());
  outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
}

TEST_F(DepositTest, EmptyDepositNamesTheRoot) {
  const TestTree tree = web_.MakeTree(1, 10, 1);
  const SessionId id = RandomId<SessionId>();
  auto outcome =
      OpenSession(web_, id)->Commit(AsBytes(web_.MakeManifest(tree.root, id)));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(std::get<Incomplete>(*outcome).missing,
            std::vector<ObjectId>{tree.root.id});
}

TEST_F(DepositTest, CommitIsIdempotentForEver) {
  const TestTree tree = web_.MakeTree(3, 100, 1);
  const SessionId id = RandomId<SessionId>();
  ASSERT_TRUE(Deposit(web_, tree, id).ok());
  const std::string manifest = ledger_[0].objects.back().bytes;
  const absl::Time received = vault_->Snapshots({}).at(0).received;
  clock_.Set(clock_.Now() + absl::Hours(1));
  for (int run = 0; run < 2; ++run) {
    auto outcome = OpenSession(web_, id)->Commit(AsBytes(manifest));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(std::get<Committed>(*outcome).sequence, 1u);
    EXPECT_EQ(std::get<Committed>(*outcome).received, received);
    EXPECT_EQ(vault_->Snapshots({}).size(), 1u);
    Crash();
    Start();
  }
  const std::string other = web_.MakeManifest(tree.root, id);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      OpenSession(web_, id)->Commit(AsBytes(other)).status()));
}

TEST_F(DepositTest, KeyedNamesAreWrittenOnce) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  auto commit = [&](absl::string_view name, absl::string_view content) {
    const SessionId id = RandomId<SessionId>();
    auto session = OpenSession(web_, id);
    EXPECT_TRUE(PutAll(*session, tree).ok());
    return session->Commit(
        AsBytes(web_.MakeManifest(tree.root, id, name, content)));
  };
  auto first = commit("000000010000000000000001", "a");
  ASSERT_TRUE(first.ok()) << first.status();
  const SnapshotId snapshot = std::get<Committed>(*first).snapshot;
  auto again = commit("000000010000000000000001", "a");
  EXPECT_EQ(std::get<SameContent>(*again).snapshot, snapshot);
  EXPECT_FALSE(std::get<SameContent>(*again).domain_epoch_changed);
  auto other = commit("000000010000000000000001", "b");
  EXPECT_EQ(std::get<ConflictingContent>(*other).snapshot, snapshot);
  EXPECT_TRUE(absl::IsFailedPrecondition(commit("", "").status()));
  EXPECT_EQ(vault_->Snapshots({}).size(), 1u);
  Crash();
  Start();
  other = commit("000000010000000000000001", "b");
  EXPECT_EQ(std::get<ConflictingContent>(*other).snapshot, snapshot);
}

TEST_F(DepositTest, UnkeyedSetRefusesNames) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  const SessionId id = RandomId<SessionId>();
  const std::string keyed = web_.MakeManifest(tree.root, id, "x", "a");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      OpenSession(web_, id)->Commit(AsBytes(keyed)).status()));
}

TEST_F(DepositTest, HostsSeeOnlyTheirDomain) {
  const TestTree tree = web_.MakeTree(5, 100, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(db_, id);
  const std::string root(tree.root.id.text());
  EXPECT_EQ(*session->Wanted(AsBytes(root)), std::string(1, '\1'));
  auto outcome = session->Commit(AsBytes(db_.MakeManifest(tree.root, id)));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(std::get<Incomplete>(*outcome).missing,
            std::vector<ObjectId>{tree.root.id});
  auto fetched = FetchAll(*vault_, 2, {tree.root.id});
  EXPECT_TRUE(absl::IsNotFound(fetched[tree.root.id].status));
}

TEST_F(DepositTest, ForeignManifestsAreRefused) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  auto code = [&](const std::string& manifest) {
    return session->Commit(AsBytes(manifest)).status().code();
  };
  EXPECT_EQ(code("not a manifest"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(db_.MakeManifest(tree.root, id)),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(web_.MakeManifest(tree.root, RandomId<SessionId>())),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      code(
          vault_keys_.MakeHost("web1", 1, "other").MakeManifest(tree.root, id)),
      absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(
      code(TestVault("home").MakeHost("web1", 1).MakeManifest(tree.root, id)),
      absl::StatusCode::kPermissionDenied);
  std::string flipped = web_.MakeManifest(tree.root, id);
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  EXPECT_EQ(code(flipped), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(vault_->Snapshots({}).empty());
}

TEST_F(DepositTest, ManifestsAndGarbageCannotBePut) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  auto session = OpenSession(web_, RandomId<SessionId>());
  EXPECT_TRUE(absl::IsInvalidArgument(session->Put(AsBytes("NS"))));
  EXPECT_TRUE(absl::IsInvalidArgument(session->Put(
      AsBytes(web_.MakeManifest(tree.root, RandomId<SessionId>())))));
  EXPECT_TRUE(absl::IsInvalidArgument(session->Wanted({}).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(session->Wanted(AsBytes("short")).status()));
  EXPECT_EQ(session->stored_objects(), 0u);
}

TEST_F(DepositTest, RootMustBeANode) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      session->Commit(AsBytes(web_.MakeManifest(tree.objects[0].ref, id)))
          .status()));
}

TEST_F(DepositTest, ClonedMachineIsFlaggedAndKept) {
  TestHost clone = vault_keys_.MakeHost("web1", 1);
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(1, 100, 1)).ok());
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(1, 100, 2)).ok());
  const SessionId id = RandomId<SessionId>();
  // The clone has its own deposit key, but web1's name, and no chain.
  const TestTree tree = clone.MakeTree(1, 100, 3);
  auto session = OpenSession(clone, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  auto outcome = session->Commit(AsBytes(clone.MakeManifest(tree.root, id)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
  const auto snapshots = vault_->Snapshots({.host = "web1"});
  ASSERT_EQ(snapshots.size(), 3u);
  EXPECT_FALSE(snapshots[0].forked);
  EXPECT_FALSE(snapshots[1].forked);
  EXPECT_TRUE(snapshots[2].forked);
}

TEST_F(DepositTest, ReceiveTimesRiseUnderAStandingClock) {
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(1, 100, i)).ok());
  }
  const auto snapshots = vault_->Snapshots({});
  EXPECT_LT(snapshots[0].received, snapshots[1].received);
  EXPECT_LT(snapshots[1].received, snapshots[2].received);
}

TEST_F(DepositTest, FullDiskRefusesObjectsButNotCommits) {
  const TestTree tree = web_.MakeTree(1, 100, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  session.reset();
  Crash();
  options_.reserve_bytes = 2 * fs_.Space(directory_)->available_bytes;
  Start();
  session = OpenSession(web_, id);
  const TestTree more = web_.MakeTree(1, 100, 2);
  const absl::Status refused = session->Put(AsBytes(more.objects[0].bytes));
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_NE(refused.message().find(absl::StrCat(options_.reserve_bytes)),
            absl::string_view::npos);
  EXPECT_TRUE(session->Put(AsBytes(tree.objects[0].bytes)).ok());
  auto outcome = session->Commit(AsBytes(web_.MakeManifest(tree.root, id)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Committed>(*outcome));
}

TEST_F(DepositTest, PacksRollAndWaitingLocationsAreFlushed) {
  Stop();
  options_.data_pack_bytes = 16 << 10;
  options_.node_pack_bytes = 4 << 10;
  options_.max_waiting = 7;
  Start();
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(30, 2000, i)).ok());
  }
  ExpectLedger();
  EXPECT_GT(PackFiles(Paths().sealed).size(), 15u);
  EXPECT_LE(PackFiles(Paths().open).size(), 2u);
  const VaultFigures figures = vault_->figures();
  Stop();
  Start();
  EXPECT_TRUE(report_.clean);
  EXPECT_TRUE(PackFiles(Paths().open).empty());
  EXPECT_EQ(vault_->figures().stored_objects, figures.stored_objects);
  ExpectLedger();
}

TEST_F(DepositTest, UnchangedRunReadsNothingAgain) {
  const TestTree tree = web_.MakeTree(50, 100, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  const uint64_t reads = fs_.calls(FileOperation::kRead);
  const SessionId id = RandomId<SessionId>();
  auto outcome =
      OpenSession(web_, id)->Commit(AsBytes(web_.MakeManifest(tree.root, id)));
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(std::holds_alternative<Committed>(*outcome));
  EXPECT_EQ(fs_.calls(FileOperation::kRead), reads);
}

// Nodes of a hostile host, each with as many references as one may have, to
// objects that nobody put.
TEST_F(DepositTest, MissingObjectsAreCountedUpToALimit) {
  const auto node = [](std::vector<ObjectId> refs) {
    std::sort(refs.begin(), refs.end());
    return EncodeObjectHeader(ObjectKind::kNode, refs) + std::string(32, 'x');
  };
  std::vector<ObjectId> children;
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  for (int i = 0; i < 20; ++i) {
    std::vector<ObjectId> refs;
    for (size_t j = 0; j < kMaxObjectRefs; ++j) {
      refs.push_back(RandomId<ObjectId>());
    }
    const std::string object = node(refs);
    ASSERT_TRUE(session->Put(AsBytes(object)).ok());
    children.push_back(ObjectIdOf(AsBytes(object)));
  }
  // Two ways to each of them: none is named twice.
  const std::string left = node(children);
  children.push_back(ObjectIdOf(AsBytes(left)));
  const std::string root = node(children);
  ASSERT_TRUE(session->Put(AsBytes(left)).ok());
  ASSERT_TRUE(session->Put(AsBytes(root)).ok());
  ObjectRef ref = web_.MakeTree(1, 1, 1).root;
  ref.id = ObjectIdOf(AsBytes(root));
  auto outcome = session->Commit(AsBytes(web_.MakeManifest(ref, id)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const Incomplete& incomplete = std::get<Incomplete>(*outcome);
  EXPECT_EQ(incomplete.missing.size(), kMaxMissingIds);
  EXPECT_TRUE(incomplete.more);
  const std::set<ObjectId> unique(incomplete.missing.begin(),
                                  incomplete.missing.end());
  EXPECT_EQ(unique.size(), incomplete.missing.size());
}

TEST_F(DepositTest, SetsAreSummedUp) {
  EXPECT_TRUE(vault_->Sets().empty());
  for (uint64_t i = 0; i < 3; ++i) {
    clock_.Set(clock_.Now() + absl::Hours(1));
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(2, 100, i)).ok());
  }
  const absl::Time last = clock_.Now();
  clock_.Set(last + absl::Hours(1));
  ASSERT_TRUE(Deposit(db_, db_.MakeTree(2, 100, 1)).ok());
  const std::vector<SetSummary> sets = vault_->Sets();
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].host, "db1");
  EXPECT_EQ(sets[0].snapshots, 1u);
  EXPECT_EQ(sets[1].host, "web1");
  EXPECT_EQ(sets[1].set, "files");
  EXPECT_EQ(sets[1].snapshots, 3u);
  EXPECT_EQ(sets[1].last_received, last);
  EXPECT_FALSE(sets[1].forked || sets[1].restarted);
}

}  // namespace
}  // namespace nightsafe
