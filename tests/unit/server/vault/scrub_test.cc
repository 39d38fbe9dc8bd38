#include "server/vault/scrub.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/pack/format.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

namespace stdfs = std::filesystem;

class ScrubTest : public VaultTest {
 protected:
  ScrubResult Scrub(bool resume = false) {
    auto result = vault_->Scrub({}, resume);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ScrubResult{};
  }
  Damage FindDamage() {
    auto damage = vault_->FindDamage(absl::InfiniteFuture());
    EXPECT_TRUE(damage.ok()) << damage.status();
    return damage.ok() ? *std::move(damage) : Damage{};
  }
  // The finished packs of a class; in a vault of few packs: the only one.
  std::vector<std::string> SealedOfClass(char pack_class) const {
    std::vector<std::string> found;
    for (const std::string& path : PackFiles(Paths().sealed)) {
      std::ifstream file(path);
      std::string header(kPackHeaderBytes, '\0');
      file.read(header.data(), static_cast<std::streamsize>(header.size()));
      if (header[6] == pack_class) found.push_back(path);
    }
    return found;
  }
  static void FlipBit(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }
  static constexpr uint64_t kFirstObject =
      kPackHeaderBytes + kPackRecordHeaderBytes;
};

TEST_F(ScrubTest, OpenPacksAreReadUpToTheirDurableLength) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  ASSERT_TRUE(PackFiles(Paths().sealed).empty());
  EXPECT_TRUE(Scrub().problems.empty());
  for (const std::string& path : PackFiles(Paths().open)) {
    FlipBit(path, kFirstObject + 20);
  }
  const ScrubResult result = Scrub();
  EXPECT_EQ(result.problems.size(), 2u);  // of the data and the node pack
  EXPECT_EQ(result.figures.objects(), vault_->figures().stored_objects);
  EXPECT_EQ(vault_->health().open_findings, 2u);
  // A new copy may lie in the very pack of the wrong one.
  ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_EQ(vault_->health().open_findings, 0u);
  EXPECT_EQ(vault_->health().healed, 2u);
  EXPECT_EQ(vault_->health().quarantined_copies, 2u);
  ExpectLedger();
  EXPECT_TRUE(Scrub().problems.empty());
  for (int i = 0; i < 2; ++i) {
    Crash();
    if (i == 1) stdfs::remove_all(IndexPath());
    Start();
    ExpectLedger();
    EXPECT_EQ(vault_->health().open_findings, 0u);
    EXPECT_EQ(vault_->health().healed, 2u);
  }
}

TEST_F(ScrubTest, SaysWhichSnapshotsLackSomething) {
  const TestTree first = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, first).ok());
  ASSERT_TRUE(Deposit(web_, first).ok());
  ASSERT_TRUE(Deposit(db_, db_.MakeTree(10, 500, 2)).ok());
  Stop();
  Start();
  EXPECT_TRUE(FindDamage().snapshots.empty());
  FlipBit(SealedOfClass('\1')[0], kFirstObject + 20);
  const ScrubResult result = Scrub();
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].id, first.objects[0].ref.id);
  Damage damage = FindDamage();
  ASSERT_EQ(damage.objects.size(), 1u);
  EXPECT_EQ(damage.objects[0].verdict, Verdict::kWrong);
  ASSERT_EQ(damage.snapshots.size(), 2u);
  EXPECT_EQ(damage.snapshots[0].host, "web1");
  EXPECT_EQ(damage.snapshots[1].sequence, 2u);
  EXPECT_EQ(damage.snapshots[1].objects, 1u);
  EXPECT_EQ(damage.objects[0].snapshots, (std::vector<size_t>{1, 0}));
  ASSERT_TRUE(Deposit(web_, first).ok());
  damage = FindDamage();
  EXPECT_TRUE(damage.objects.empty());
  EXPECT_TRUE(damage.snapshots.empty());
}

TEST_F(ScrubTest, PackThatIsGoneIsMissingAndHeals) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  const std::string pack = SealedOfClass('\1')[0];
  stdfs::remove(pack);
  const ScrubResult result = Scrub();
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].verdict, Verdict::kMissing);
  EXPECT_TRUE(result.problems[0].id.IsZero());
  EXPECT_EQ(result.problems[0].objects, 10u);
  EXPECT_EQ(FindDamage().snapshots.size(), 1u);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_TRUE(FindDamage().snapshots.empty());
  EXPECT_EQ(vault_->health().healed, 10u);
  // Missing for ever, and of no consequence.
  EXPECT_TRUE(Scrub().problems.empty());
  ExpectLedger();
}

TEST_F(ScrubTest, EmptyAndShortPacksAreWrong) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  for (const uint64_t length : {uint64_t{0}, kFirstObject + 3}) {
    ASSERT_TRUE(Deposit(web_, tree).ok());
    Stop();
    Start();
    ASSERT_TRUE(Scrub().problems.empty());
    for (const std::string& path : SealedOfClass('\1')) {
      stdfs::resize_file(path, length);
    }
    const ScrubResult result = Scrub();
    ASSERT_GE(result.problems.size(), 1u);
    EXPECT_EQ(result.problems[0].verdict, Verdict::kWrong);
    EXPECT_GE(result.problems[0].objects, 10u);
    ASSERT_TRUE(Deposit(web_, tree).ok());
    ExpectLedger();
  }
}

TEST_F(ScrubTest, SwappedPacksAreFoundAndPutBack) {
  options_.data_pack_bytes = 6000;
  Crash();
  Start();
  const TestTree tree = web_.MakeTree(20, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  // Two full ones: the last is short, which would be a finding of its own.
  std::vector<std::string> packs = SealedOfClass('\1');
  ASSERT_GE(packs.size(), 2u);
  std::sort(packs.begin(), packs.end(), [](const auto& a, const auto& b) {
    return stdfs::file_size(a) > stdfs::file_size(b);
  });
  ASSERT_EQ(stdfs::file_size(packs[0]), stdfs::file_size(packs[1]));
  const auto swap = [&] {
    stdfs::rename(packs[0], directory_ + "/aside");
    stdfs::rename(packs[1], packs[0]);
    stdfs::rename(directory_ + "/aside", packs[1]);
  };
  swap();
  ScrubResult result = Scrub();
  ASSERT_EQ(result.problems.size(), 2u);
  for (const ScrubProblem& problem : result.problems) {
    EXPECT_EQ(problem.verdict, Verdict::kWrong);
    EXPECT_NE(problem.detail.find("swapped"), std::string::npos);
  }
  EXPECT_GT(vault_->health().open_findings, 0u);
  swap();
  EXPECT_TRUE(Scrub().problems.empty());
  EXPECT_EQ(vault_->health().open_findings, 0u);
  EXPECT_EQ(vault_->health().quarantined_copies, 0u);
  ExpectLedger();
}

TEST_F(ScrubTest, UnreadableIsNeverCalledDamaged) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  const std::string pack = stdfs::path(SealedOfClass('\1')[0]).filename();
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kRead,
              .path_contains = pack,
              .sticky = true});
  const ScrubResult result = Scrub();
  ASSERT_FALSE(result.problems.empty());
  for (const ScrubProblem& problem : result.problems) {
    EXPECT_EQ(problem.verdict, Verdict::kUnreadable) << problem.detail;
  }
  EXPECT_EQ(vault_->health().open_findings, 0u);
  EXPECT_EQ(vault_->health().quarantined_copies, 0u);
  EXPECT_EQ(FindDamage().snapshots.size(), 1u);
  fs_.Heal();
  EXPECT_TRUE(Scrub().problems.empty());
  EXPECT_TRUE(FindDamage().snapshots.empty());
  ExpectLedger();
}

TEST_F(ScrubTest, DamagedHeaderOrTableCostsNothing) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  const std::string pack = SealedOfClass('\1')[0];
  const std::string table = pack.substr(0, pack.size() - 4) + "toc";
  // Header, table, and of the first record marker, writer and checksum.
  for (const auto& [path, at] : std::vector<std::pair<std::string, size_t>>{
           {pack, 40},
           {table, 100},
           {pack, kPackHeaderBytes},
           {pack, kPackHeaderBytes + 21},
           {pack, kPackHeaderBytes + 64}}) {
    FlipBit(path, at);
    const ScrubResult result = Scrub();
    ASSERT_EQ(result.problems.size(), 1u) << path << " at " << at;
    EXPECT_EQ(result.problems[0].verdict, Verdict::kFraming);
    FlipBit(path, at);
  }
  EXPECT_EQ(vault_->health().quarantined_copies, 0u);
  ExpectLedger();
}

TEST_F(ScrubTest, ManifestIsStoredAgainFromItsCommitRecord) {
  const TestTree tree = web_.MakeTree(3, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  const std::string pack = SealedOfClass('\2')[0];
  // It was appended last.
  FlipBit(pack, stdfs::file_size(pack) - 30);
  EXPECT_EQ(Scrub().problems.size(), 1u);
  EXPECT_EQ(vault_->health().healed, 1u);
  EXPECT_TRUE(Scrub().problems.empty());
  ExpectLedger();
}

TEST_F(ScrubTest, FetchSetsAWrongObjectAside) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  FlipBit(SealedOfClass('\1')[0], kFirstObject + 20);
  const ObjectId id = tree.objects[0].ref.id;
  EXPECT_TRUE(absl::IsDataLoss(FetchAll(*vault_, 1, {id})[id].status));
  EXPECT_TRUE(absl::IsNotFound(FetchAll(*vault_, 1, {id})[id].status));
  EXPECT_EQ(Scrub().problems.size(), 1u);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  ExpectLedger();
}

TEST_F(ScrubTest, GoesOnWhereItWasStoppedAlsoAfterARestart) {
  options_.data_pack_bytes = 6000;
  Crash();
  Start();
  const TestTree tree = web_.MakeTree(40, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  const uint64_t stored = vault_->figures().stored_objects;
  uint64_t steps = 0;
  EXPECT_TRUE(absl::IsCancelled(vault_
                                    ->Scrub([&](const ScrubProgress&) {
                                      return ++steps < 3 ? absl::OkStatus()
                                                         : absl::CancelledError(
                                                               "enough");
                                    })
                                    .status()));
  ASSERT_TRUE(vault_->scrub_cursor().has_value());
  const uint64_t done = vault_->scrub_cursor()->objects();
  EXPECT_GT(done, 0u);
  EXPECT_LT(done, stored);
  EXPECT_FALSE(vault_->health().last_scrub.has_value());
  Crash();
  Start();
  uint64_t first = 0;
  auto result = vault_->Scrub(
      [&](const ScrubProgress& progress) {
        if (first == 0) first = progress.objects;
        return absl::OkStatus();
      },
      /*resume=*/true);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->problems.empty());
  EXPECT_GE(first, done);
  EXPECT_EQ(result->figures.objects(), stored);
  EXPECT_FALSE(vault_->scrub_cursor().has_value());
  ASSERT_TRUE(vault_->health().last_scrub.has_value());
  EXPECT_EQ(vault_->health().last_scrub->figures.objects(), stored);
  Crash();
  Start();
  EXPECT_EQ(vault_->health().last_scrub->figures.objects(), stored);
}

TEST_F(ScrubTest, DamagedCursorMeansToBeginAnew) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(3, 500, 1)).ok());
  Stop();
  Start();
  ScrubCursor cursor;
  cursor.set_started_unix_ns(1);
  cursor.set_end_order(9);
  cursor.set_done_order(9);
  ASSERT_TRUE(SaveScrubCursor(fs_, Paths(), cursor).ok());
  EXPECT_EQ(LoadScrubCursor(fs_, Paths())->done_order(), 9u);
  FlipBit(Paths().scrub, 6);
  EXPECT_FALSE(LoadScrubCursor(fs_, Paths()).has_value());
  Crash();
  Start();
  EXPECT_EQ(Scrub(/*resume=*/true).figures.objects(),
            vault_->figures().stored_objects);
  EXPECT_FALSE(stdfs::exists(Paths().scrub));
}

TEST_F(ScrubTest, StartThatFindsALossShowsItAfterwards) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  stdfs::remove(SealedOfClass('\1')[0]);
  Start();
  Crash();
  Start();
  EXPECT_EQ(report_.losses.size(), 1u);  // again until a commit
  const VaultHealth health = vault_->health();
  ASSERT_EQ(health.lost_packs.size(), 1u);
  EXPECT_EQ(health.lost_packs[0].reason, "is missing");
  Damage damage = FindDamage();
  EXPECT_EQ(damage.objects.size(), 10u);
  EXPECT_EQ(damage.objects[0].verdict, Verdict::kMissing);
  EXPECT_EQ(damage.snapshots.size(), 1u);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  EXPECT_TRUE(FindDamage().snapshots.empty());
}

TEST_F(ScrubTest, DamageSearchThatRunsOutOfTimeSaysSo) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  Start();
  FlipBit(SealedOfClass('\1')[0], kFirstObject + 20);
  Scrub();
  const auto damage = vault_->FindDamage(absl::InfinitePast());
  ASSERT_TRUE(damage.ok());
  EXPECT_FALSE(damage->complete);
  EXPECT_TRUE(damage->snapshots.empty());
}

TEST_F(ScrubTest, DamageSearchEndsWhenToldAndDoesNotWaitForAnother) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  Start();
  FlipBit(SealedOfClass('\1')[0], kFirstObject + 20);
  Scrub();
  absl::StatusOr<Damage> beside = absl::UnknownError("not asked");
  const auto damage = vault_->FindDamage(absl::InfiniteFuture(), [&] {
    std::thread([&] {
      beside = vault_->FindDamage(absl::InfinitePast());
    }).join();
    return true;
  });
  ASSERT_TRUE(damage.ok());
  EXPECT_FALSE(damage->complete);
  ASSERT_TRUE(beside.ok());
  EXPECT_FALSE(beside->complete);
  EXPECT_EQ(FindDamage().snapshots.size(), 1u);
}

TEST_F(ScrubTest, CanEndBetweenTwoObjectsOfAFailingDisk) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  Start();
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kRead,
              .path_contains = stdfs::path(SealedOfClass('\1')[0]).filename(),
              .sticky = true});
  uint64_t calls = 0;
  const auto count = [&](const ScrubProgress&) {
    ++calls;
    return absl::OkStatus();
  };
  ASSERT_TRUE(vault_->Scrub(count).ok());
  EXPECT_GE(calls, 10u);
  // What was not settled is not taken for done.
  calls = 0;
  const auto stop = [&](const ScrubProgress&) {
    return ++calls < 4 ? absl::OkStatus() : absl::CancelledError("enough");
  };
  EXPECT_TRUE(absl::IsCancelled(vault_->Scrub(stop).status()));
  fs_.Heal();
  const ScrubResult result = Scrub(/*resume=*/true);
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.figures.objects(), vault_->figures().stored_objects);
}

}  // namespace
}  // namespace nightsafe
