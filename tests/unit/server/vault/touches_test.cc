#include "server/vault/touches.h"

#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

ObjectId NewId() { return RandomId<ObjectId>(); }

ObjectLocation At(ObjectKind kind) {
  return {
      .pack = RandomId<PackId>(), .offset = 100, .length = 10, .kind = kind};
}

// A table of these, in the order of an index.
std::shared_ptr<MarkTable> TableOf(std::map<ObjectId, ObjectKind> objects) {
  auto table = std::make_shared<MarkTable>();
  for (const auto& [id, kind] : objects) table->Add(1, id, kind);
  return table;
}

TEST(MarkTable, MarksNodesAndDataApart) {
  std::map<ObjectId, ObjectKind> objects;
  for (int i = 0; i < 1000; ++i) {
    objects[NewId()] = i % 5 == 0 ? ObjectKind::kNode : ObjectKind::kData;
  }
  const ObjectId manifest = NewId();
  objects[manifest] = ObjectKind::kManifest;
  const auto table = TableOf(objects);
  EXPECT_EQ(table->objects(), 1000u);
  EXPECT_FALSE(table->IsUnmarked(1, manifest));
  for (const auto& [id, kind] : objects) {
    if (id == manifest) continue;
    EXPECT_TRUE(table->IsUnmarked(1, id));
    EXPECT_FALSE(table->IsUnmarked(2, id));
    EXPECT_EQ(table->Mark(1, id), kind == ObjectKind::kNode
                                      ? MarkTable::Answer::kNewlyMarkedNode
                                      : MarkTable::Answer::kData);
    EXPECT_FALSE(table->IsUnmarked(1, id));
  }
  EXPECT_EQ(table->marked(), 1000u);
  EXPECT_EQ(table->Mark(1, NewId()), MarkTable::Answer::kUnknown);
}

TEST(MarkTable, DataWithOnePrefixIsKeptTogether) {
  ObjectId first = NewId();
  ObjectId second = first;
  second.bytes[31] ^= std::byte{1};
  const auto table =
      TableOf({{first, ObjectKind::kData}, {second, ObjectKind::kData}});
  table->Mark(1, second);
  EXPECT_FALSE(table->IsUnmarked(1, first));
  EXPECT_FALSE(table->IsUnmarked(1, second));
}

TEST(Touches, WhatIsCondemnedIsAbsentUntilItIsStoredAgain) {
  Touches touches;
  const auto session = touches.Open(1);
  const ObjectId marked = NewId();
  const ObjectId unmarked = NewId();
  auto table =
      TableOf({{marked, ObjectKind::kData}, {unmarked, ObjectKind::kData}});
  EXPECT_TRUE(touches.Begin(CollectionDefect::kNone).empty());
  table->Mark(1, marked);
  ASSERT_TRUE(touches.Publish(table));
  EXPECT_TRUE(touches.IsCondemned(1, unmarked));
  const std::vector<ObjectId> ids = {marked, unmarked};
  const Touches::Found present = {At(ObjectKind::kData), At(ObjectKind::kData)};
  Touches::Found found = present;
  ASSERT_TRUE(touches.Touch(*session, ids, found, touches.changes()));
  EXPECT_TRUE(found[0].has_value());
  EXPECT_FALSE(found[1].has_value());
  touches.Stored(session.get(), 1, unmarked, ObjectKind::kData);
  found = present;
  ASSERT_TRUE(touches.Touch(*session, ids, found, touches.changes()));
  EXPECT_TRUE(found[1].has_value());
  touches.End();
}

TEST(Touches, ATouchDuringTheMarkPutsPublicationOff) {
  Touches touches;
  const auto session = touches.Open(1);
  const ObjectId before = NewId();
  const ObjectId during = NewId();
  touches.Stored(session.get(), 1, before, ObjectKind::kNode);
  const TouchedObjects roots = touches.Begin(CollectionDefect::kNone);
  ASSERT_EQ(roots.nodes.size(), 1u);
  EXPECT_EQ(roots.nodes[0].second, before);
  Touches::Found found = {At(ObjectKind::kNode)};
  ASSERT_TRUE(
      touches.Touch(*session, std::span(&during, 1), found, touches.changes()));
  auto table = std::make_shared<MarkTable>();
  EXPECT_FALSE(touches.Publish(table));
  EXPECT_EQ(touches.TakeQueue().nodes.size(), 1u);
  EXPECT_TRUE(touches.Publish(table));
}

// What it touched last is known to nobody when it has committed and is gone.
TEST(Touches, WhoTouchedTooMuchIsNotForgottenWhenItEnds) {
  for (const bool before : {true, false}) {
    Touches touches(2);
    auto session = touches.Open(1);
    const auto touch = [&](int count) {
      for (int i = 0; i < count; ++i) {
        touches.Stored(session.get(), 1, NewId(), ObjectKind::kNode);
      }
    };
    touch(before ? 3 : 2);
    const TouchedObjects roots = touches.Begin(CollectionDefect::kNone);
    EXPECT_EQ(roots.nodes.size(), 2u);
    EXPECT_EQ(roots.overflown, before);
    if (!before) touch(1);
    session.reset();
    auto table = std::make_shared<MarkTable>();
    EXPECT_FALSE(touches.Publish(table));
    EXPECT_TRUE(touches.TakeQueue().overflown);
    touches.End();
    EXPECT_FALSE(touches.Begin(CollectionDefect::kNone).overflown);
    EXPECT_TRUE(touches.Publish(table));
  }
}

TEST(Touches, AnAnswerFromBeforePublicationIsLookedUpAgain) {
  Touches touches;
  const auto session = touches.Open(1);
  const ObjectId id = NewId();
  const uint64_t changes = touches.changes();
  touches.Begin(CollectionDefect::kNone);
  ASSERT_TRUE(touches.Publish(TableOf({{id, ObjectKind::kData}})));
  touches.End();
  Touches::Found found = {At(ObjectKind::kData)};
  EXPECT_FALSE(touches.Touch(*session, std::span(&id, 1), found, changes));
  EXPECT_TRUE(session->empty());
}

// The old copy may still be called closed.
TEST(Touches, AnAnswerFromBeforeItWasStoredAgainIsLookedUpAgain) {
  Touches touches;
  const auto session = touches.Open(1);
  const ObjectId id = NewId();
  touches.Begin(CollectionDefect::kNone);
  ASSERT_TRUE(touches.Publish(TableOf({{id, ObjectKind::kNode}})));
  const uint64_t changes = touches.changes();
  touches.Stored(nullptr, 1, id, ObjectKind::kNode);
  Touches::Found found = {At(ObjectKind::kNode)};
  EXPECT_FALSE(touches.Touch(*session, std::span(&id, 1), found, changes));
}

class SessionTest : public VaultTest {};

TEST_F(SessionTest, OutlivesItsStreamAndExpires) {
  const TestTree tree = web_.MakeTree(5, 500, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  const uint64_t stored = session->stored_bytes();
  EXPECT_TRUE(vault_->IdleSessions().empty());
  EXPECT_EQ(vault_->ExpireSessions(absl::InfiniteFuture()), 0u);
  session.reset();
  ASSERT_EQ(vault_->IdleSessions().size(), 1u);
  EXPECT_EQ(vault_->IdleSessions()[0].session, id);
  EXPECT_EQ(vault_->IdleSessions()[0].since, clock_.Now());
  session = OpenSession(web_, id);
  EXPECT_EQ(session->stored_bytes(), stored);
  session.reset();
  EXPECT_EQ(vault_->ExpireSessions(clock_.Now()), 0u);
  clock_.Set(clock_.Now() + absl::Hours(25));
  EXPECT_EQ(vault_->ExpireSessions(clock_.Now() - absl::Hours(24)), 1u);
  EXPECT_TRUE(vault_->IdleSessions().empty());
  EXPECT_EQ(OpenSession(web_, id)->stored_bytes(), 0u);
}

TEST_F(SessionTest, EndsWithItsCommit) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(5, 500, 1)).ok());
  EXPECT_TRUE(vault_->IdleSessions().empty());
  OpenSession(web_, RandomId<SessionId>()).reset();
  EXPECT_TRUE(vault_->IdleSessions().empty());
}

// Each walks all that is stored and remembers it.
TEST_F(SessionTest, AHostThatOpensOneAfterTheOtherLeavesFew) {
  const TestTree tree = web_.MakeTree(50, 500, 1);
  TestTree most = tree;
  most.objects.erase(most.objects.begin());
  std::vector<SessionId> ids;
  const auto leave_some = [&] {
    for (int i = 0; i < 40; ++i) {
      clock_.Set(clock_.Now() + absl::Seconds(1));
      ids.push_back(RandomId<SessionId>());
      auto session = OpenSession(web_, ids.back());
      ASSERT_TRUE(PutAll(*session, most).ok());
      const auto outcome =
          session->Commit(AsBytes(web_.MakeManifest(tree.root, ids.back())));
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      ASSERT_TRUE(std::holds_alternative<Incomplete>(*outcome));
    }
  };
  leave_some();
  const std::vector<IdleSession> idle = vault_->IdleSessions();
  ASSERT_EQ(idle.size(), kMaxIdleSessions);
  for (size_t i = 0; i < idle.size(); ++i) {
    EXPECT_EQ(idle[i].session, ids[ids.size() - idle.size() + i]);
  }
  // Of another host nothing is dropped.
  auto other = OpenSession(db_, ids[0]);
  ASSERT_TRUE(PutAll(*other, db_.MakeTree(5, 500, 1)).ok());
  other.reset();
  leave_some();
  EXPECT_EQ(vault_->IdleSessions().size(), kMaxIdleSessions + 1);

  // Together they remember no more than one may, but for the last one.
  options_.max_touches = 150;
  Crash();
  Start();
  leave_some();
  EXPECT_EQ(vault_->IdleSessions().size(), 2u);
  options_.max_touches = 20;
  Crash();
  Start();
  leave_some();
  EXPECT_EQ(vault_->IdleSessions().size(), 1u);
}

TEST_F(SessionTest, OneThatWasDroppedCanStillCommit) {
  options_.max_idle_sessions = 1;
  ASSERT_TRUE(Deposit(db_, db_.MakeTree(200, 1000, 9)).ok());
  Stop();
  Start();
  const TestTree tree = web_.MakeTree(20, 500, 1);
  const SessionId id = RandomId<SessionId>();
  auto session = OpenSession(web_, id);
  ASSERT_TRUE(PutAll(*session, tree).ok());
  session.reset();
  clock_.Set(clock_.Now() + absl::Seconds(1));
  session = OpenSession(web_, RandomId<SessionId>());
  ASSERT_TRUE(PutAll(*session, web_.MakeTree(2, 100, 5)).ok());
  session.reset();
  ASSERT_EQ(vault_->IdleSessions().size(), 1u);
  const auto collected = vault_->Collect({}, {});
  ASSERT_TRUE(collected.ok()) << collected.status();
  EXPECT_GT(collected->figures.condemned_objects(), 0u);
  session = OpenSession(web_, id);
  const std::string manifest = web_.MakeManifest(tree.root, id);
  auto outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Incomplete>(*outcome));
  ASSERT_TRUE(PutAll(*session, tree).ok());
  outcome = session->Commit(AsBytes(manifest));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(std::holds_alternative<Committed>(*outcome));
  ledger_.clear();
  Remember(std::get<Committed>(*outcome).snapshot, tree, manifest);
  ExpectLedger();
}

}  // namespace
}  // namespace nightsafe
