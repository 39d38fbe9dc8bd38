// A real server behind a link that tests cut: a host that backs up through it
// and a reader that restores through it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/agent/backup.h"
#include "client/restore/restore.h"
#include "client/rpc/retrieve_client.h"
#include "common/base/status.h"
#include "common/snapshot/manifest.h"
#include "tests/support/cut_link.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"

namespace nightsafe {

class LinkTest : public testing::Test {
 protected:
  LinkTest()
      : host_(server_.EnrolHost("web1")),
        reader_(server_.EnrolReader("ops")),
        link_(server_.server().addresses().deposit),
        source_(directory_.Path("source")) {
    std::filesystem::create_directory(source_);
    options_.connection = ConnectionFor(host_);
    options_.state_directory = directory_.Path("state");
    options_.set = "files";
    options_.roots = {source_};
    options_.agent_version = "test";
    options_.max_reconnects = 50;
    options_.first_wait = absl::Milliseconds(1);
    for (int i = 0; i < 40; ++i) {
      const auto n = static_cast<uint64_t>(i);
      Write("small" + std::to_string(i), PseudoRandomBytes(500 + 900 * n, n));
    }
    for (uint64_t i = 0; i < 6; ++i) {
      Write("large" + std::to_string(i), PseudoRandomBytes(2 << 20, 100 + i));
    }
  }

  ConnectionOptions ConnectionFor(const PeerCredential& credential) {
    return {.address = link_.address(),
            .server = server_.server_id(),
            .ca_certificate_pem = server_.ca_pem(),
            .client_key_pem = credential.key_pem,
            .client_certificate_pem = credential.certificate_pem};
  }
  void Write(const std::string& name, const std::string& content) {
    std::ofstream(source_ + "/" + name, std::ios::binary) << content;
  }
  static std::map<std::string, std::string> ContentsOf(const std::string& in) {
    std::map<std::string, std::string> contents;
    for (const auto& item : std::filesystem::directory_iterator(in)) {
      std::ifstream file(item.path(), std::ios::binary);
      contents[item.path().filename()] =
          std::string((std::istreambuf_iterator<char>(file)), {});
    }
    return contents;
  }

  absl::StatusOr<BackupResult> Backup(const OnBackupProgress& progress = {}) {
    return RunBackup(options_, host_.deposit_key, *fs_, clock_, progress);
  }
  std::vector<RemoteSnapshot> Listed() {
    const auto connection = server_.Connect(reader_);
    auto listed =
        RetrieveClient(*connection).ListSnapshots("main", "web1", "files");
    EXPECT_TRUE(listed.ok()) << listed.status();
    return listed.ok() ? *std::move(listed) : std::vector<RemoteSnapshot>();
  }
  // A second server process would have other ports: so has this one.
  void Restart() {
    link_.SetUp(false);
    server_.Stop();
    server_.Start();
    link_.PointTo(server_.server().addresses().deposit);
    link_.SetUp(true);
  }

  // The last snapshot, through the link.
  absl::Status Restore(const std::string& target, RetryRule rule,
                       const OnRestoreProgress& progress = nullptr) {
    const std::vector<RemoteSnapshot> listed = Listed();
    NS_ASSIGN_OR_RETURN(const Manifest manifest,
                        ParseManifest(AsBytes(listed.back().manifest)));
    NS_ASSIGN_OR_RETURN(
        const OpenedManifest opened,
        OpenManifest(manifest, server_.main_keyring().DeriveReadKey()));
    NS_ASSIGN_OR_RETURN(const auto connection,
                        Connection::Open(ConnectionFor(reader_), clock_));
    const RetrieveClient client(*connection);
    const uint32_t domain = listed.back().domain_number;
    const ObjectSource objects(
        [&](const std::vector<ObjectId>& ids, const ObjectTake& take) {
          ++requests_;
          return client.FetchObjects("main", domain, ids, take);
        },
        std::move(rule));
    NS_ASSIGN_OR_RETURN(const TargetRoot root, TargetRoot::Open(target, false));
    RestoreReport report([](const Problem& problem) {
      ADD_FAILURE() << problem.path << ": " << problem.reason;
    });
    return RestoreSnapshot(objects, opened, root, {}, report, progress);
  }
  void ExpectRestored(const std::string& target) {
    EXPECT_TRUE(ContentsOf(target + source_) == ContentsOf(source_));
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  SystemClock clock_;
  TestServer server_;
  HostCredential host_;
  PeerCredential reader_;
  CutLink link_;
  BackupOptions options_;
  const std::string source_;
  std::atomic<uint64_t> requests_ = 0;
};

}  // namespace nightsafe
