// A vault on a real disk below a temporary directory, with one or two hosts.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/io/file_system.h"
#include "common/order/order.h"
#include "server/vault/vault.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {

struct Deposited {
  SnapshotId snapshot;
  std::vector<SealedObject> objects;  // with the manifest
};

class VaultTest : public ::testing::Test {
 protected:
  VaultTest()
      : posix_(NewPosixFileSystem()),
        fs_(*posix_),
        web_(vault_keys_.MakeHost("web1", 1)),
        db_(vault_keys_.MakeHost("db1", 2)) {
    options_.reserve_bytes = 0;
    options_.reserve_share = 0;
  }

  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/vault.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    ASSERT_TRUE(Vault::Create(fs_, Paths(), vault_keys_.registration(), server_,
                              admin_, AsBytes("keyring"), clock_)
                    .ok());
    Start();
  }
  void TearDown() override {
    vault_.reset();
    index_.reset();
    std::filesystem::remove_all(directory_);
  }

  VaultPaths Paths() const { return VaultPaths(directory_ + "/vaults/home"); }
  std::string IndexPath() const { return directory_ + "/index"; }

  absl::Status TryStart() {
    report_ = {};
    std::filesystem::create_directories(IndexPath());
    auto index = ObjectIndex::Open(IndexPath());
    if (!index.ok()) return index.status();
    index_ = *std::move(index);
    auto vault = Vault::Open(fs_, Paths(), vault_keys_.registration(), clock_,
                             *index_, options_, report_);
    if (!vault.ok()) return vault.status();
    vault_ = *std::move(vault);
    return absl::OkStatus();
  }
  void Start() {
    const absl::Status status = TryStart();
    ASSERT_TRUE(status.ok()) << status;
  }
  // As after kill -9.
  void Crash() {
    vault_.reset();
    index_.reset();
  }
  void Stop() {
    const absl::Status status = vault_->Close();
    ASSERT_TRUE(status.ok()) << status;
    Crash();
  }

  std::unique_ptr<DepositSession> OpenSession(const TestHost& host,
                                              const SessionId& id) {
    auto session = vault_->OpenSession(host.registration(), host.set(), id);
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : nullptr;
  }

  static absl::Status PutAll(DepositSession& session, const TestTree& tree) {
    for (const SealedObject& object : tree.objects) {
      absl::Status status = session.Put(AsBytes(object.bytes));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Nothing unless it is Committed; then the ledger has it.
  absl::Status Deposit(TestHost& host, const TestTree& tree,
                       const SessionId& id = RandomId<SessionId>()) {
    auto session = vault_->OpenSession(host.registration(), host.set(), id);
    if (!session.ok()) return session.status();
    absl::Status status = PutAll(**session, tree);
    if (!status.ok()) return status;
    const std::string manifest = host.MakeManifest(tree.root, id);
    auto outcome = (*session)->Commit(AsBytes(manifest));
    if (!outcome.ok()) return outcome.status();
    const Committed* committed = std::get_if<Committed>(&*outcome);
    if (committed == nullptr) return absl::AbortedError("not committed");
    host.Advance(committed->snapshot);
    Remember(committed->snapshot, tree, manifest);
    return absl::OkStatus();
  }
  void Remember(const SnapshotId& snapshot, const TestTree& tree,
                const std::string& manifest) {
    Deposited deposited{.snapshot = snapshot, .objects = tree.objects};
    SealedObject object;
    object.ref.id = ManifestObjectId(snapshot);
    object.bytes = manifest;
    deposited.objects.push_back(object);
    ledger_.push_back(std::move(deposited));
  }

  static std::map<ObjectId, FetchedObject> FetchAll(
      Vault& vault, uint32_t domain_number, const std::vector<ObjectId>& ids) {
    std::map<ObjectId, FetchedObject> fetched;
    const absl::Status status =
        vault.Fetch(domain_number, ids, [&](FetchedObject object) {
          const ObjectId id = object.id;
          EXPECT_TRUE(fetched.try_emplace(id, std::move(object)).second);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return fetched;
  }

  // Every acknowledged snapshot is listed and every byte of it comes back.
  void ExpectLedgerIn(Vault& vault, uint32_t domain_number = 1) {
    std::map<SnapshotId, SnapshotInfo> listed;
    for (const SnapshotInfo& info : vault.Snapshots({})) {
      listed[info.id] = info;
    }
    for (const Deposited& deposited : ledger_) {
      ASSERT_TRUE(listed.contains(deposited.snapshot));
      std::vector<ObjectId> ids;
      for (const SealedObject& object : deposited.objects) {
        ids.push_back(object.ref.id);
      }
      auto fetched = FetchAll(vault, domain_number, ids);
      for (const SealedObject& object : deposited.objects) {
        const FetchedObject& got = fetched[object.ref.id];
        ASSERT_TRUE(got.status.ok()) << got.status;
        ASSERT_EQ(got.bytes, object.bytes);
      }
    }
  }
  void ExpectLedger() { ExpectLedgerIn(*vault_); }

  std::vector<std::string> PackFiles(const std::string& directory) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().extension() == ".pack") {
        files.push_back(entry.path().string());
      }
    }
    return files;
  }

  TestClock clock_;
  const TestVault vault_keys_;
  const SigningKey admin_key_ = SigningKey::Generate();
  const VerifyKey admin_ = admin_key_.verify_key();
  const ServerId server_ = MakeServerId(admin_);
  std::unique_ptr<FileSystem> posix_;
  FaultyFileSystem fs_;
  StoreOptions options_;
  std::string directory_;
  TestHost web_;
  TestHost db_;
  StartupReport report_;
  std::unique_ptr<ObjectIndex> index_;
  std::unique_ptr<Vault> vault_;
  std::vector<Deposited> ledger_;
};

}  // namespace nightsafe
