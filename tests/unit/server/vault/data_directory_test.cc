#include "server/vault/data_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/crypto/blake3.h"
#include "common/order/order.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {
namespace {

namespace stdfs = std::filesystem;

class DataDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/data.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/data";
    options_.reserve_bytes = 0;
    options_.reserve_share = 0;
    const absl::Status status =
        DataDirectory::Init(*fs_, path_, server_, admin_, clock_);
    ASSERT_TRUE(status.ok()) << status;
    Open();
    ASSERT_TRUE(data_->AddVault(keys_.registration(), AsBytes("keyring")).ok());
  }
  void TearDown() override {
    data_.reset();
    stdfs::remove_all(directory_);
  }
  void Open() {
    report_ = {};
    auto data = DataDirectory::Open(*fs_, path_, clock_, options_, report_);
    ASSERT_TRUE(data.ok()) << data.status();
    data_ = *std::move(data);
  }

  absl::StatusOr<SnapshotId> Deposit(Vault& vault, TestHost& host,
                                     uint64_t seed) {
    const TestTree tree = host.MakeTree(10, 300, seed);
    const SessionId id = RandomId<SessionId>();
    auto session = vault.OpenSession(host.registration(), host.set(), id);
    if (!session.ok()) return session.status();
    for (const SealedObject& object : tree.objects) {
      const absl::Status status = (*session)->Put(AsBytes(object.bytes));
      if (!status.ok()) return status;
    }
    auto outcome =
        (*session)->Commit(AsBytes(host.MakeManifest(tree.root, id)));
    if (!outcome.ok()) return outcome.status();
    const SnapshotId snapshot = std::get<Committed>(*outcome).snapshot;
    host.Advance(snapshot);
    absl::MutexLock lock(&mutex_);
    for (const SealedObject& object : tree.objects) {
      objects_[{host.registration().domain_number, object.ref.id}] =
          object.bytes;
    }
    return snapshot;
  }

  Vault& Home() { return **data_->FindVault("home"); }

  std::string Everything(DataDirectory& data) {
    Vault& vault = **data.FindVault("home");
    std::string all = vault.sealed_keyring();
    for (const SnapshotInfo& info : vault.Snapshots({})) {
      all += info.id.Hex() + info.host + info.set + info.manifest +
             absl::FormatTime(info.received);
    }
    absl::MutexLock lock(&mutex_);
    for (const auto& [key, bytes] : objects_) {
      const absl::Status status =
          vault.Fetch(key.first, {key.second}, [&](FetchedObject object) {
            EXPECT_TRUE(object.status.ok()) << object.status;
            EXPECT_EQ(object.bytes, bytes);
            all += object.bytes;
            return absl::OkStatus();
          });
      EXPECT_TRUE(status.ok());
    }
    return all;
  }

  std::string DigestOfTree() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : stdfs::recursive_directory_iterator(path_)) {
      std::ostringstream text;
      if (entry.is_regular_file()) {
        text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
        text << entry.last_write_time().time_since_epoch().count();
      }
      files[entry.path().string()] = text.str();
    }
    std::string all;
    for (const auto& [name, text] : files) all += name + '\0' + text;
    const Hash32 hash = HashOf(AsBytes(all));
    return HexEncode(hash);
  }

  const TestVault keys_;
  const VerifyKey admin_ = SigningKey::Generate().verify_key();
  const ServerId server_ = MakeServerId(admin_);
  const std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  TestClock clock_;
  DataOptions options_;
  std::string directory_;
  std::string path_;
  StartupReport report_;
  absl::Mutex mutex_;
  std::map<std::pair<uint32_t, ObjectId>, std::string> objects_;
  std::unique_ptr<DataDirectory> data_;
};

TEST_F(DataDirectoryTest, TwoOpenersAreRefused) {
  StartupReport report;
  auto second = DataDirectory::Open(*fs_, path_, clock_, options_, report);
  ASSERT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_NE(second.status().message().find("another process"),
            absl::string_view::npos);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      DataDirectory::Rebuild(*fs_, path_, clock_, {}).status()));
  data_.reset();
  Open();
}

TEST_F(DataDirectoryTest, InitWantsAnEmptyPlace) {
  EXPECT_TRUE(absl::IsAlreadyExists(
      DataDirectory::Init(*fs_, path_, server_, admin_, clock_)));
  StartupReport report;
  EXPECT_TRUE(absl::IsFailedPrecondition(
      DataDirectory::Open(*fs_, directory_, clock_, options_, report)
          .status()));
}

TEST_F(DataDirectoryTest, OtherVersionIsRefusedByName) {
  ASSERT_TRUE(data_->Close().ok());
  data_.reset();
  std::ofstream(path_ + "/VERSION") << "7\n";
  StartupReport report;
  auto data = DataDirectory::Open(*fs_, path_, clock_, options_, report);
  ASSERT_TRUE(absl::IsFailedPrecondition(data.status()));
  EXPECT_NE(data.status().message().find("version 7"), absl::string_view::npos);
}

TEST_F(DataDirectoryTest, VaultsAreFoundAgain) {
  EXPECT_TRUE(absl::IsAlreadyExists(
      data_->AddVault(keys_.registration(), AsBytes("keyring"))));
  EXPECT_TRUE(absl::IsNotFound(data_->FindVault("other").status()));
  TestHost host = keys_.MakeHost("web1", 1);
  ASSERT_TRUE(Deposit(Home(), host, 1).ok());
  const std::string before = Everything(*data_);
  ASSERT_TRUE(data_->Close().ok());
  data_.reset();
  Open();
  EXPECT_TRUE(report_.clean);
  EXPECT_EQ(data_->Vaults().size(), 1u);
  EXPECT_EQ(data_->read_only_reason(), "");
  EXPECT_EQ(Everything(*data_), before);
  EXPECT_EQ(Home().sealed_keyring(), "keyring");
}

TEST_F(DataDirectoryTest, InterruptedAdditionIsFinishedOnlyByTheSameVault) {
  const TestVault first("twice"), second("twice");
  // As far as an addition comes before it registers the vault.
  const VaultPaths paths(path_ + "/vaults/twice");
  ASSERT_TRUE(Vault::Create(*fs_, paths, first.registration(), server_, admin_,
                            AsBytes("keyring"), clock_)
                  .ok());
  const absl::Status other =
      data_->AddVault(second.registration(), AsBytes("keyring"));
  EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
  EXPECT_NE(other.message().find("remove " + path_ + "/vaults/twice"),
            absl::string_view::npos)
      << other;
  data_.reset();
  Open();
  EXPECT_FALSE(data_->FindVault("twice").ok());
  EXPECT_TRUE(data_->AddVault(first.registration(), AsBytes("keyring")).ok());
  EXPECT_TRUE(data_->FindVault("twice").ok());
}

TEST_F(DataDirectoryTest, RescueGivesTheSameAndWritesNothing) {
  TestHost host = keys_.MakeHost("web1", 1);
  ASSERT_TRUE(Deposit(Home(), host, 1).ok());
  ASSERT_TRUE(data_->Close().ok());
  data_.reset();
  Open();
  ASSERT_TRUE(Deposit(Home(), host, 2).ok());
  const std::string before = Everything(*data_);
  data_.reset();  // unclean: packs are left open
  stdfs::remove_all(path_ + "/index");
  const std::string digest = DigestOfTree();
  StartupReport report;
  auto rescue = DataDirectory::OpenForRescue(*fs_, path_, clock_, report);
  ASSERT_TRUE(rescue.ok()) << rescue.status();
  EXPECT_TRUE(report.losses.empty());
  EXPECT_EQ(Everything(**rescue), before);
  Vault& vault = **(*rescue)->FindVault("home");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      vault.OpenSession(host.registration(), "files", RandomId<SessionId>())
          .status()));
  EXPECT_FALSE((*rescue)->AddVault(TestVault("v").registration(), {}).ok());
  auto problems = vault.Scrub({});
  ASSERT_TRUE(problems.ok());
  EXPECT_TRUE(problems->problems.empty());
  rescue->reset();
  EXPECT_EQ(DigestOfTree(), digest);
  Open();
  EXPECT_EQ(Everything(*data_), before);
}

TEST_F(DataDirectoryTest, OnAFullDiskItStartsForReading) {
  TestHost host = keys_.MakeHost("web1", 1);
  ASSERT_TRUE(Deposit(Home(), host, 1).ok());
  const std::string before = Everything(*data_);
  data_.reset();  // unclean: a start has something to write
  FaultyFileSystem full(*fs_);
  full.Inject({.status = absl::ResourceExhaustedError("no space left"),
               .operation = FileOperation::kAllocate,
               .sticky = true});
  auto data = DataDirectory::Open(full, path_, clock_, options_, report_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_FALSE((*data)->read_only_reason().empty());
  EXPECT_FALSE(report_.clean);
  EXPECT_TRUE(report_.losses.empty());
  EXPECT_EQ(Everything(**data), before);
  EXPECT_FALSE(Deposit(**(*data)->FindVault("home"), host, 2).ok());
  EXPECT_TRUE((*data)->Close().ok());
  data->reset();
  Open();
  EXPECT_EQ(data_->read_only_reason(), "");
  EXPECT_EQ(Everything(*data_), before);
  EXPECT_TRUE(Deposit(Home(), host, 2).ok());
}

TEST_F(DataDirectoryTest, RebuildMakesTheIndexAnew) {
  TestHost host = keys_.MakeHost("web1", 1);
  ASSERT_TRUE(Deposit(Home(), host, 1).ok());
  const std::string before = Everything(*data_);
  ASSERT_TRUE(data_->Close().ok());
  const uint64_t objects = Home().figures().stored_objects;
  const uint64_t generation = Home().figures().generation;
  data_.reset();
  std::ofstream(path_ + "/index/CURRENT") << "garbage";
  StartupReport report;
  auto opened = DataDirectory::Open(*fs_, path_, clock_, options_, report);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
  uint64_t seen = 0;
  auto rebuilt = DataDirectory::Rebuild(*fs_, path_, clock_,
                                        [&](uint64_t n) { seen = n; });
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.status();
  EXPECT_EQ(*rebuilt, objects);
  EXPECT_EQ(seen, objects);
  Open();
  EXPECT_GT(Home().figures().generation, generation);
  EXPECT_EQ(Everything(*data_), before);
}

TEST_F(DataDirectoryTest, SessionsRunSideBySide) {
  ASSERT_TRUE(data_->Close().ok());
  data_.reset();
  options_.data_pack_bytes = 12 << 10;
  options_.node_pack_bytes = 4 << 10;
  options_.max_waiting = 20;
  Open();
  constexpr uint32_t kThreads = 4;
  constexpr uint64_t kDeposits = 6;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Two threads share a domain and put the same objects.
      TestHost host = keys_.MakeHost("h" + std::to_string(t / 2), 1 + t / 2,
                                     "set" + std::to_string(t));
      for (uint64_t i = 0; i < kDeposits; ++i) {
        auto snapshot = Deposit(Home(), host, i);
        EXPECT_TRUE(snapshot.ok()) << snapshot.status();
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 3; ++i) {
      auto problems = Home().Scrub({});
      EXPECT_TRUE(problems.ok()) << problems.status();
      EXPECT_TRUE(!problems.ok() || problems->problems.empty());
      Home().figures();
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Home().Snapshots({}).size(), kThreads * kDeposits);
  EXPECT_EQ(Home().figures().open_sessions, 0u);
  const std::string before = Everything(*data_);
  data_.reset();
  Open();
  EXPECT_TRUE(report_.losses.empty());
  EXPECT_EQ(Everything(*data_), before);
}

}  // namespace
}  // namespace nightsafe
