// Packs that cannot be read, are away, come back, or lie under a wrong name.
#include <fstream>

#include "absl/strings/str_join.h"
#include "server/pack/format.h"
#include "server/vault/vault_records.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {
namespace {

namespace stdfs = std::filesystem;

class PutBackTest : public VaultTest {
 protected:
  // The longest of a class.
  std::string Pack(const std::string& directory, char pack_class) const {
    std::string longest;
    for (const std::string& path : PackFiles(directory)) {
      std::ifstream file(path);
      std::string header(kPackHeaderBytes, '\0');
      file.read(header.data(), static_cast<std::streamsize>(header.size()));
      if (header[6] == pack_class &&
          (longest.empty() ||
           stdfs::file_size(path) > stdfs::file_size(longest))) {
        longest = path;
      }
    }
    return longest;
  }
  static void FlipBit(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }
  void FailReads(const std::string& path, uint64_t after) {
    fs_.Inject({.status = absl::UnavailableError("EIO"),
                .after = after,
                .operation = FileOperation::kRead,
                .path_contains = stdfs::path(path).stem(),
                .sticky = true});
  }
  void Swap(const std::string& a, const std::string& b) const {
    stdfs::rename(a, directory_ + "/aside");
    stdfs::rename(b, a);
    stdfs::rename(directory_ + "/aside", b);
  }
  // As a collection does of all finished packs; no server runs.
  void RecordRemoved() {
    auto journal = VaultJournal::Open(*posix_, Paths().journal,
                                      vault_keys_.registration(), clock_);
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (const std::string& path : PackFiles(Paths().sealed)) {
      const auto pack =
          ParsePackFileName(stdfs::path(path).filename().string());
      ASSERT_TRUE((*journal)
                      ->Update([&](const VaultState&, int64_t) {
                        return std::vector<v1::format::VaultRecord>{
                            RemovedRecord(*pack, 0, 0)};
                      })
                      .ok());
    }
  }
  static std::string TocOf(std::string pack) {
    return pack.replace(pack.size() - 4, 4, "toc");
  }
  ScrubResult Scrub() {
    auto result = vault_->Scrub({});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ScrubResult{};
  }
};

TEST_F(PutBackTest, StartGoesOnBesideAPackThatCannotBeRead) {
  uint64_t seed = 10;
  for (const bool rebuild : {false, true}) {
    for (const uint64_t after : {uint64_t{0}, uint64_t{1}}) {
      ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 200'000, seed++)).ok());
      const std::string pack = Pack(Paths().open, '\1');
      ASSERT_FALSE(pack.empty());
      Crash();
      if (rebuild) stdfs::remove_all(IndexPath());
      FailReads(pack, after);
      Start();
      EXPECT_TRUE(report_.losses.empty());
      ASSERT_FALSE(report_.notes.empty());
      EXPECT_NE(report_.notes.back().find("cannot be read"), std::string::npos)
          << report_.notes.back();
      EXPECT_TRUE(stdfs::exists(pack));
      // Others are served meanwhile.
      ASSERT_TRUE(Deposit(db_, db_.MakeTree(3, 500, 2)).ok());
      ledger_.pop_back();
      fs_.Heal();
      if (!rebuild) ExpectLedger();
      Stop();
      Start();
      EXPECT_TRUE(report_.losses.empty());
      EXPECT_FALSE(stdfs::exists(pack));
      ExpectLedger();
      Stop();
      Start();
      EXPECT_TRUE(report_.clean);
    }
  }
}

TEST_F(PutBackTest, FinishedPackThatCannotBeReadIsNoLossInARebuild) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 200'000, 1)).ok());
  Stop();
  const std::string pack = Pack(Paths().sealed, '\1');
  FailReads(pack, 2);  // its table too
  for (int run = 0; run < 2; ++run) {
    stdfs::remove_all(IndexPath());
    Start();
    EXPECT_TRUE(report_.losses.empty());
    EXPECT_FALSE(report_.notes.empty());
    Crash();
  }
  fs_.Heal();
  Start();
  ExpectLedger();
  Crash();
  Start();
  EXPECT_TRUE(report_.notes.empty());
  EXPECT_TRUE(Scrub().problems.empty());
}

TEST_F(PutBackTest, LostPackThatComesBackIsUsedAgain) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  const std::string pack = Pack(Paths().sealed, '\1');
  for (const bool rebuild : {false, true}) {
    stdfs::rename(pack, directory_ + "/aside");
    Start();
    ASSERT_EQ(report_.losses.size(), 1u);
    EXPECT_NE(report_.losses[0].find("put it back"), std::string::npos);
    Crash();
    Start();
    EXPECT_EQ(vault_->health().lost_packs.size(), 1u);
    Crash();
    stdfs::rename(directory_ + "/aside", pack);
    if (rebuild) stdfs::remove_all(IndexPath());
    Start();
    EXPECT_TRUE(report_.losses.empty());
    EXPECT_TRUE(vault_->health().lost_packs.empty());
    ExpectLedger();
    EXPECT_TRUE(Scrub().problems.empty());
    Stop();
    Start();
    EXPECT_TRUE(report_.notes.empty());
    ExpectLedger();
    Stop();
  }
}

TEST_F(PutBackTest, SwappedPacksOfTwoLengthsAreUsedAgainWhenPutBack) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  Start();
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(3, 700, 2)).ok());
  Stop();
  std::vector<std::string> packs;
  for (const std::string& path : PackFiles(Paths().sealed)) {
    if (stdfs::file_size(path) > 2000) packs.push_back(path);
  }
  ASSERT_GE(packs.size(), 2u);
  ASSERT_NE(stdfs::file_size(packs[0]), stdfs::file_size(packs[1]));
  for (const bool rebuild : {false, true}) {
    Swap(packs[0], packs[1]);
    if (rebuild) stdfs::remove_all(IndexPath());
    Start();
    EXPECT_EQ(vault_->health().lost_packs.size(), 1u);
    // No entry is left that other bytes would answer.
    Scrub();
    Stop();
    Swap(packs[0], packs[1]);
    Start();
    EXPECT_TRUE(vault_->health().lost_packs.empty());
    Scrub();
    ExpectLedger();
    EXPECT_EQ(vault_->health().open_findings, 0u);
    Stop();
  }
}

TEST_F(PutBackTest, PacksSwappedWithTheirTablesAreFound) {
  options_.data_pack_bytes = 6000;
  Crash();
  Start();
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(20, 500, 1)).ok());
  Stop();
  Start();
  std::vector<std::string> packs;
  const uint64_t size = stdfs::file_size(Pack(Paths().sealed, '\1'));
  for (const std::string& path : PackFiles(Paths().sealed)) {
    if (stdfs::file_size(path) == size) packs.push_back(path);
  }
  ASSERT_GE(packs.size(), 2u);
  const uint64_t objects = vault_->figures().stored_objects;
  const auto swap = [&] {
    Swap(packs[0], packs[1]);
    Swap(TocOf(packs[0]), TocOf(packs[1]));
  };
  swap();
  Scrub();
  const uint64_t open = vault_->health().open_findings;
  EXPECT_GT(open, 2u);
  EXPECT_LT(open, objects);
  swap();
  Scrub();
  EXPECT_EQ(vault_->health().open_findings, 0u);
  EXPECT_EQ(vault_->health().quarantined_copies, 0u);
  ExpectLedger();
}

TEST_F(PutBackTest, DamagedHeaderOfAnOpenPackCostsNothing) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  const std::string pack = Pack(Paths().open, '\1');
  Crash();
  FlipBit(pack, 40);
  Start();
  EXPECT_TRUE(report_.losses.empty());
  ExpectLedger();
  Stop();
  // Nor does its table, when the index is gone as well.
  for (const std::string& path : PackFiles(Paths().sealed)) {
    FlipBit(TocOf(path), 100);
  }
  stdfs::remove_all(IndexPath());
  Start();
  ExpectLedger();
}

TEST_F(PutBackTest, BackupHealsAMissingNodePackByItself) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  auto session = OpenSession(web_, RandomId<SessionId>());
  ASSERT_TRUE(PutAll(*session, tree).ok());
  session.reset();
  Stop();
  Start();
  stdfs::remove(Pack(Paths().sealed, '\2'));
  const SessionId id = RandomId<SessionId>();
  session = OpenSession(web_, id);
  const std::string manifest = web_.MakeManifest(tree.root, id);
  // A level of the tree each time: what lies below a node that is gone shows
  // when that is there again.
  auto outcome = session->Commit(AsBytes(manifest));
  int rounds = 0;
  for (; rounds < 3; ++rounds) {
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    if (std::holds_alternative<Committed>(*outcome)) break;
    ASSERT_TRUE(PutAll(*session, tree).ok());
    outcome = session->Commit(AsBytes(manifest));
  }
  EXPECT_GT(rounds, 0);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Committed>(*outcome));
}

TEST_F(PutBackTest, RemovedPackIsUsedAgainWhenAskedForAndWhole) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  RecordRemoved();
  // Between a collection and the sweep that is how they lie there.
  Start();
  EXPECT_EQ(vault_->figures().stored_objects, 0u);
  Stop();
  options_.take_back_removed = true;
  const std::string data = Pack(Paths().sealed, '\1');
  FlipBit(data, kPackHeaderBytes + kPackRecordHeaderBytes + 20);
  Start();
  ASSERT_FALSE(report_.notes.empty());
  EXPECT_NE(absl::StrJoin(report_.notes, "\n").find("9 of its 10 objects"),
            std::string::npos)
      << absl::StrJoin(report_.notes, "\n");
  const uint64_t nodes = vault_->figures().stored_objects;
  EXPECT_GT(nodes, 0u);
  Stop();
  FlipBit(data, kPackHeaderBytes + kPackRecordHeaderBytes + 20);
  Start();
  EXPECT_EQ(vault_->figures().stored_objects, nodes + 10);
  ExpectLedger();
  EXPECT_TRUE(Scrub().problems.empty());
  Stop();
  options_.take_back_removed = false;
  Start();
  EXPECT_TRUE(report_.notes.empty());
  ExpectLedger();
}

// A crash can leave a finished pack two names, of which one outlives the sweep.
TEST_F(PutBackTest, SecondNameOfARemovedPackBringsNothingBack) {
  ASSERT_TRUE(Deposit(web_, web_.MakeTree(10, 500, 1)).ok());
  Stop();
  RecordRemoved();
  for (const std::string& path : PackFiles(Paths().sealed)) {
    stdfs::rename(path,
                  stdfs::path(Paths().open) / stdfs::path(path).filename());
  }
  Start();
  EXPECT_TRUE(report_.clean);
  EXPECT_EQ(vault_->figures().stored_objects, 0u);
  EXPECT_TRUE(PackFiles(Paths().sealed).empty());
}

TEST_F(PutBackTest, FileThatWasReplacedIsReadByItsName) {
  const TestTree tree = web_.MakeTree(10, 500, 1);
  ASSERT_TRUE(Deposit(web_, tree).ok());
  Stop();
  Start();
  const std::string pack = Pack(Paths().sealed, '\1');
  stdfs::copy(pack, directory_ + "/good");
  const ObjectId first = tree.objects[0].ref.id;
  FlipBit(pack, kPackHeaderBytes + kPackRecordHeaderBytes + 20);
  EXPECT_TRUE(absl::IsDataLoss(FetchAll(*vault_, 1, {first})[first].status));
  FlipBit(pack, stdfs::file_size(pack) - 20);
  // Whoever has the old file open does not see this one.
  stdfs::rename(directory_ + "/good", pack);
  EXPECT_TRUE(Scrub().problems.empty());
  EXPECT_EQ(vault_->health().quarantined_copies, 0u);
  ExpectLedger();
  EXPECT_EQ(vault_->health().quarantined_copies, 0u);
}

}  // namespace
}  // namespace nightsafe
