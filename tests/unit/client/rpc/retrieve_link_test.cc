// The reading side over a link that breaks.
#include <random>
#include <set>

#include "absl/synchronization/notification.h"
#include "tests/unit/client/rpc/link_fixture.h"

namespace nightsafe {
namespace {

constexpr uint64_t kSnapshotBytes = 12 << 20;

TEST_F(LinkTest, ABrokenFetchIsUnavailableAndAnswersNothingTwice) {
  ASSERT_TRUE(Backup().ok());
  const auto direct = server_.Connect(reader_);
  const RetrieveClient whole(*direct);
  std::vector<ObjectId> ids;
  const Manifest manifest = *ParseManifest(AsBytes(Listed()[0].manifest));
  std::vector<ObjectId> level = {manifest.root};
  while (!level.empty()) {
    std::vector<ObjectId> next;
    ASSERT_TRUE(whole
                    .FetchObjects(
                        "main", Listed()[0].domain_number, level,
                        [&](RemoteObject object) {
                          const auto view = *ParseObject(AsBytes(object.bytes));
                          for (size_t i = 0; i < view.ref_count(); ++i) {
                            next.push_back(view.ref(i));
                          }
                          return object.status;
                        })
                    .ok());
    ids.insert(ids.end(), level.begin(), level.end());
    const std::set<ObjectId> unique(next.begin(), next.end());
    level.assign(unique.begin(), unique.end());
  }
  const auto connection = Connection::Open(ConnectionFor(reader_), clock_);
  ASSERT_TRUE(connection.ok());
  const RetrieveClient client(**connection);
  std::mt19937 random(1);
  int broken = 0;
  for (int i = 0; i < 40; ++i) {
    link_.CutAfter(random() % (kSnapshotBytes + (2 << 20)));
    std::set<ObjectId> seen;
    const absl::Status status = client.FetchObjects(
        "main", Listed()[0].domain_number, ids, [&](RemoteObject object) {
          EXPECT_TRUE(seen.insert(object.id).second);
          return object.status;
        });
    if (status.ok()) {
      EXPECT_EQ(seen.size(), ids.size());
    } else {
      ++broken;
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    }
  }
  EXPECT_GE(broken, 20);
}

TEST_F(LinkTest, RestoreOutlivesCutsAndFetchesOnlyWhatIsOutstanding) {
  ASSERT_TRUE(Backup().ok());
  int waits = 0;
  absl::Mutex mutex;
  std::mt19937 random(2);
  const uint64_t before = link_.bytes_from_server();
  RetryRule rule{.max_retries = 20,
                 .first_wait = absl::Milliseconds(2),
                 .on_wait = [&](const absl::Status&, absl::Duration) {
                   absl::MutexLock lock(&mutex);
                   ++waits;
                   link_.CutAfter(random() % (3 << 20));
                 }};
  link_.CutAfter(1 << 20);
  const std::string target = directory_.Path("target");
  const absl::Status status = Restore(target, rule);
  link_.CutAfter(uint64_t{1} << 40);
  ASSERT_TRUE(status.ok()) << status;
  ExpectRestored(target);
  EXPECT_GE(link_.cuts(), 2u);
  EXPECT_GE(waits, 2);
  // Four requests of 3 MiB are on their way at a cut; of each, replies that
  // arrived whole (2 MiB) are kept.
  EXPECT_LE(link_.bytes_from_server() - before,
            kSnapshotBytes + (1 << 20) + link_.cuts() * (12 << 20));
}

TEST_F(LinkTest, RestoreOutlivesARestartOfTheServer) {
  ASSERT_TRUE(Backup().ok());
  bool restarted = false;
  RetryRule rule{.max_retries = 400,
                 .first_wait = absl::Milliseconds(2),
                 .longest_wait = absl::Milliseconds(50)};
  link_.CutAfter(2 << 20);
  absl::Mutex mutex;
  rule.on_wait = [&](const absl::Status&, absl::Duration) {
    absl::MutexLock lock(&mutex);
    if (std::exchange(restarted, true)) return;
    Restart();
  };
  const std::string target = directory_.Path("target");
  const absl::Status status = Restore(target, rule);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(restarted);
  ExpectRestored(target);
}

TEST_F(LinkTest, RestoreGivesUpWithinItsBoundsAndLeavesNoPartOfAFile) {
  ASSERT_TRUE(Backup().ok());
  std::atomic<int> waits = 0;
  RetryRule rule{.max_retries = 3,
                 .first_wait = absl::Milliseconds(1),
                 .longest_wait = absl::Milliseconds(3),
                 .on_wait = [&](const absl::Status&, absl::Duration wait) {
                   ++waits;
                   EXPECT_LE(wait, absl::Milliseconds(3));
                   link_.SetUp(false);
                 }};
  link_.CutAfter(4 << 20);
  const std::string target = directory_.Path("target");
  const absl::Status status = Restore(target, rule);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find(link_.address()), absl::string_view::npos)
      << status;
  EXPECT_GE(waits, 3);
  // Of each request that was begun: at most three and, after progress, three.
  EXPECT_LE(waits, 8 * 6);
  const auto wanted = ContentsOf(source_);
  if (std::filesystem::exists(target + source_)) {
    for (const auto& [name, content] : ContentsOf(target + source_)) {
      EXPECT_TRUE(wanted.at(name) == content) << name;
    }
  }
}

TEST_F(LinkTest, ARefusedReaderIsNotTriedAgain) {
  ASSERT_TRUE(Backup().ok());
  server_.RevokeReader("ops");
  const auto connection = Connection::Open(ConnectionFor(reader_), clock_);
  ASSERT_TRUE(connection.ok());
  const RetrieveClient client(**connection);
  int requests = 0;
  const ObjectSource objects(
      [&](const std::vector<ObjectId>& ids, const ObjectTake& take) {
        ++requests;
        return client.FetchObjects("main", 1, ids, take);
      },
      {.max_retries = 5, .first_wait = absl::Hours(1)});
  const auto fetched = objects.Fetch(ObjectKind::kData, {ObjectRef()});
  EXPECT_TRUE(absl::IsPermissionDenied(fetched.status()) ||
              absl::IsUnauthenticated(fetched.status()))
      << fetched.status();
  EXPECT_EQ(requests, 1);
}

TEST(ObjectSource, AWaitEndsWhenNobodyWantsTheObjects) {
  absl::Notification stop;
  const ObjectSource objects(
      [](const std::vector<ObjectId>&, const ObjectTake&) {
        return absl::UnavailableError("gone");
      },
      {.max_retries = 5,
       .first_wait = absl::Hours(1),
       .longest_wait = absl::Hours(1),
       .on_wait = [&](const absl::Status&, absl::Duration) { stop.Notify(); }});
  const auto fetched = objects.Fetch(ObjectKind::kData, {ObjectRef()}, &stop);
  EXPECT_TRUE(absl::IsUnavailable(fetched.status()));
}

}  // namespace
}  // namespace nightsafe
