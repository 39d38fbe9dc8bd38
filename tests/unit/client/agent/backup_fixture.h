// A source tree, a server in memory, and the eyes of a reader.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/agent/backup.h"
#include "client/agent/status.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/fake_deposit_server.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/whole_snapshot.h"

namespace nightsafe {
namespace fs = std::filesystem;

// The directory of temporary files changes under our feet, and is an ancestor
// of what is backed up: its node and the root may be new.
inline constexpr uint64_t kNodesAbove = 3;

// Runs some time ahead, so that files just made count as old enough to trust.
class ShiftedClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now() + shift; }
  absl::Duration shift = absl::Minutes(1);
};

class BackupTest : public testing::Test {
 protected:
  BackupTest()
      : keyring_((InitCrypto(), Keyring::Create())),
        key_(MintDepositKey(keyring_.DeriveEnrolKey(), "web1", 1, "web1", 1)),
        server_(directory_.Path("socket")) {
    options_.connection.address = server_.address();
    options_.state_directory = directory_.Path("state");
    options_.set = "files";
    options_.agent_version = "test";
    options_.max_reconnects = 3;
    options_.first_wait = absl::Milliseconds(1);
    source_ = directory_.Path("source");
    fs::create_directory(source_);
    options_.roots = {source_};
  }

  std::string In(const std::string& name) const { return source_ + "/" + name; }

  void Write(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(In(name)).parent_path());
    std::ofstream(In(name), std::ios::binary) << content;
  }

  // 60 small files, two large ones.
  void WriteTree() {
    for (int i = 0; i < 60; ++i) {
      const auto n = static_cast<uint64_t>(i);
      Write("dir" + std::to_string(i % 5) + "/file" + std::to_string(i),
            PseudoRandomBytes(1000 + 3000 * n, n));
    }
    Write("large", PseudoRandomBytes(6 << 20, 100));
    Write("dir1/large", PseudoRandomBytes(3 << 20, 101));
  }

  absl::StatusOr<BackupResult> Backup() {
    return RunBackup(options_, key_, *fs_, clock_, {});
  }
  BackupResult MustBackup() {
    auto result = Backup();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : BackupResult();
  }

  // Opened with the read key, from what the server holds.
  WholeSnapshot Read(const std::string& manifest) {
    const auto objects = server_.objects();
    auto snapshot = ReadWholeSnapshot(
        manifest, keyring_.DeriveReadKey(),
        [&objects](const ObjectId& id) -> absl::StatusOr<std::string> {
          const auto object = objects.find(id);
          if (object == objects.end()) return absl::NotFoundError(id.Hex());
          return object->second;
        },
        source_);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *std::move(snapshot) : WholeSnapshot();
  }

  // The last snapshot holds exactly what is on disk.
  void ExpectLastIsCurrent() {
    const WholeSnapshot snapshot = Read(server_.commits().back());
    std::map<std::string, std::string> expected;
    size_t entries = 1;
    for (const auto& item : fs::recursive_directory_iterator(source_)) {
      ++entries;
      if (item.is_symlink() || !item.is_regular_file()) continue;
      std::ifstream in(item.path(), std::ios::binary);
      expected[item.path().string().substr(source_.size() + 1)] =
          std::string((std::istreambuf_iterator<char>(in)), {});
    }
    EXPECT_EQ(snapshot.entries.size(), entries);
    EXPECT_TRUE(snapshot.contents == expected);
  }

  size_t DataObjects() {
    size_t count = 0;
    for (const auto& [id, bytes] : server_.objects()) {
      if (ParseObject(AsBytes(bytes))->kind == ObjectKind::kData) ++count;
    }
    return count;
  }

  ObjectId SomeDataObject() {
    ObjectId id;
    for (const auto& [object, bytes] : server_.objects()) {
      if (ParseObject(AsBytes(bytes))->kind == ObjectKind::kData) id = object;
    }
    return id;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  ShiftedClock clock_;
  Keyring keyring_;
  DepositKey key_;
  FakeDepositServer server_;
  BackupOptions options_;
  std::string source_;
};

}  // namespace nightsafe
