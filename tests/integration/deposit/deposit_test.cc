// The agent against a real server: what is deposited can be read back by a
// reader, whatever happens to the server in between.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/agent/backup.h"
#include "client/rpc/retrieve_client.h"
#include "server/vault/data_directory.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"
#include "tests/support/whole_snapshot.h"

namespace nightsafe {
namespace {

namespace fs = std::filesystem;

class ShiftedClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now() + absl::Minutes(1); }
};

class DepositTest : public testing::Test {
 protected:
  DepositTest()
      : host_(server_.EnrolHost("web1")),
        reader_(server_.EnrolReader("ops")),
        source_(directory_.Path("source")) {
    fs::create_directory(source_);
    options_.state_directory = directory_.Path("state");
    options_.set = "files";
    options_.roots = {source_};
    options_.agent_version = "test";
    options_.max_reconnects = 0;
    options_.connection.server = server_.server_id();
    options_.connection.ca_certificate_pem = server_.ca_pem();
    options_.connection.client_key_pem = host_.key_pem;
    options_.connection.client_certificate_pem = host_.certificate_pem;
    for (int i = 0; i < 40; ++i) {
      const auto n = static_cast<uint64_t>(i);
      Write("file" + std::to_string(i), PseudoRandomBytes(1000 + 5000 * n, n));
    }
    Write("large", PseudoRandomBytes(9 << 20, 100));
  }

  // Of the directories above the source, which its snapshots hold too.
  std::vector<fs::file_time_type> TimesAbove() const {
    std::vector<fs::file_time_type> times;
    for (fs::path path = source_; path.has_relative_path();) {
      path = path.parent_path();
      times.push_back(fs::last_write_time(path));
    }
    return times;
  }
  uint64_t PackBytes() const {
    uint64_t bytes = 0;
    for (const auto& item :
         fs::recursive_directory_iterator(server_.data() + "/vaults")) {
      if (item.path().extension() == ".pack") bytes += item.file_size();
    }
    return bytes;
  }
  void Write(const std::string& name, const std::string& content) {
    std::ofstream(source_ + "/" + name, std::ios::binary) << content;
  }

  absl::StatusOr<BackupResult> Backup(const OnBackupProgress& progress = {}) {
    options_.connection.address = server_.server().addresses().deposit;
    return RunBackup(options_, host_.deposit_key, *fs_, clock_, progress);
  }
  BackupResult MustBackup() {
    auto result = Backup();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : BackupResult();
  }

  // Every snapshot on the server from the `first` on restores; the last one is
  // what is on disk.
  void ExpectAllRestore(size_t snapshots, size_t first = 0) {
    const auto connection = server_.Connect(reader_);
    const RetrieveClient client(*connection);
    const auto listed = client.ListSnapshots("main", "web1", "files");
    ASSERT_TRUE(listed.ok()) << listed.status();
    ASSERT_EQ(listed->size(), snapshots);
    std::map<std::string, std::string> last;
    for (size_t i = first; i < snapshots; ++i) {
      const RemoteSnapshot& remote = (*listed)[i];
      auto snapshot = ReadWholeSnapshot(
          remote.manifest, server_.main_keyring().DeriveReadKey(),
          [&](const ObjectId& id) -> absl::StatusOr<std::string> {
            std::string bytes;
            NS_RETURN_IF_ERROR(client.FetchObjects(
                "main", remote.domain_number, {id}, [&](RemoteObject object) {
                  bytes = std::move(object.bytes);
                  return object.status;
                }));
            return bytes;
          },
          source_);
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      last = std::move(snapshot->contents);
    }
    std::map<std::string, std::string> expected;
    for (const auto& item : fs::directory_iterator(source_)) {
      std::ifstream in(item.path(), std::ios::binary);
      expected[item.path().filename()] =
          std::string((std::istreambuf_iterator<char>(in)), {});
    }
    EXPECT_TRUE(last == expected);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  ShiftedClock clock_;
  TestServer server_;
  HostCredential host_;
  PeerCredential reader_;
  BackupOptions options_;
  const std::string source_;
};

TEST_F(DepositTest, WhatIsDepositedCanBeRead) {
  MustBackup();
  ExpectAllRestore(1);
  Write("file3", "changed");
  Write("new", "new");
  MustBackup();
  ExpectAllRestore(2);
}

TEST_F(DepositTest, UnchangedRunSendsAtMostSixteenKilobytes) {
  MustBackup();
  const BackupResult second = MustBackup();
  EXPECT_LE(second.totals.sent_bytes, 16u << 10);
  EXPECT_EQ(second.totals.read_bytes, 0u);
  ExpectAllRestore(2);
}

TEST_F(DepositTest, WhatWasStoredBeforeAStopIsNotSentAgain) {
  bool stopped = false;
  const auto failed = Backup([&](const BackupProgress& progress) {
    if (progress.phase != BackupProgress::Phase::kFinishing || stopped) return;
    stopped = true;
    server_.Stop();
  });
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(absl::IsUnavailable(failed.status())) << failed.status();
  const uint64_t before = PackBytes();
  server_.Start();
  const BackupResult second = MustBackup();
  ExpectAllRestore(1);
  server_.Stop();
  // What was sent is new on the disk, but for offers and the manifest.
  EXPECT_LE(second.totals.sent_bytes, PackBytes() - before + (256u << 10));
  server_.Start();
}

TEST_F(DepositTest, LostPacksHeal) {
  const auto above = TimesAbove();
  MustBackup();
  server_.Stop();
  for (const auto& item :
       fs::recursive_directory_iterator(server_.data() + "/vaults")) {
    if (item.is_regular_file() &&
        item.path().string().find("/packs/") != std::string::npos) {
      fs::remove(item.path());
    }
  }
  fs::remove_all(server_.data() + "/index");
  ASSERT_TRUE(DataDirectory::Rebuild(server_.fs(), server_.data(),
                                     server_.clock(), [](uint64_t) {})
                  .ok());
  server_.Start();
  const BackupResult second = MustBackup();
  EXPECT_FALSE(second.notes.empty());
  // The first one heals as well, unless the directories above the tree, /tmp
  // among them, have changed meanwhile: then its own root is lost.
  ExpectAllRestore(2, /*first=*/TimesAbove() == above ? 0 : 1);
}

TEST_F(DepositTest, RevokedHostIsToldSo) {
  MustBackup();
  server_.RevokeHost("main", "web1");
  const auto refused = Backup();
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()) ||
              absl::IsUnauthenticated(refused.status()))
      << refused.status();
}

TEST_F(DepositTest, AnotherServerIsNotTalkedTo) {
  options_.connection.server.bytes[3] ^= std::byte{1};
  const auto refused = Backup();
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
  EXPECT_NE(refused.status().message().find("could not be verified"),
            absl::string_view::npos)
      << refused.status();
}

}  // namespace
}  // namespace nightsafe
