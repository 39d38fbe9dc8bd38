// A sweeper beside the vault of VaultTest, and what somebody in the server can
// write.
#pragma once

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "server/catalog/registry.h"
#include "server/journal/journal_writer.h"
#include "server/pack/seal.h"
#include "server/sweep/sweeper.h"
#include "server/vault/vault_records.h"
#include "tests/unit/server/vault/vault_test.h"

namespace nightsafe {

inline constexpr absl::Duration kDay = absl::Hours(24);

class SweeperTest : public VaultTest {
 protected:
  using Order = v1::format::Order;
  using VaultRecord = v1::format::VaultRecord;

  void SetUp() override {
    VaultTest::SetUp();
    config_ = {
        .data = directory_, .state = directory_ + "/sweep", .server = server_};
    std::filesystem::create_directories(config_.state);
    InitServer(vault_keys_.registration());
  }

  void InitServer(const VaultRegistration& vault) {
    const std::string server = directory_ + "/server";
    std::filesystem::remove_all(server);
    std::filesystem::create_directories(server);
    ASSERT_TRUE(Registry::Init(*posix_, server, server_, admin_, clock_).ok());
    auto registry = Registry::Open(*posix_, server, clock_);
    ASSERT_TRUE(registry.ok()) << registry.status();
    ASSERT_TRUE((*registry)->AddVault(vault).ok());
  }

  // A day later: a snapshot whose objects lie in packs of their own.
  void DepositApart(uint64_t seed) {
    clock_.Set(clock_.Now() + kDay);
    ASSERT_TRUE(Deposit(web_, web_.MakeTree(6, 200, seed)).ok());
    Stop();
    Start();
  }
  std::set<std::string> Sealed() const { return Files(Paths().sealed); }
  static std::set<std::string> Files(const std::string& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  // Those that the last DepositApart made.
  std::vector<PackId> NewPacks(const std::set<std::string>& before) const {
    std::vector<PackId> packs;
    for (const std::string& name : Sealed()) {
      const auto pack = ParsePackFileName(name);
      if (pack.has_value() && !before.contains(name)) packs.push_back(*pack);
    }
    return packs;
  }
  // As if the host had made it.
  static VaultRecord CommitOf(const TestHost& host, const SessionId& session,
                              const std::string& manifest, uint64_t sequence) {
    VaultRecord record;
    VaultRecord::Commit& commit = *record.mutable_commit();
    commit.set_sequence(sequence);
    commit.set_host(host.registration().name);
    commit.set_set(host.set());
    commit.set_session(std::string(session.text()));
    commit.set_manifest(manifest);
    commit.set_domain_number(host.registration().domain_number);
    return record;
  }
  // While no server runs.
  void Append(const VaultRecord& unstamped) {
    AppendTo(Paths(), vault_keys_.registration().id, unstamped);
  }
  void AppendTo(const VaultPaths& paths, const VaultId& vault,
                const VaultRecord& unstamped) {
    VaultRecord record = unstamped;
    if (record.time_unix_ns() == 0) {
      record.set_time_unix_ns(absl::ToUnixNanos(clock_.Now()) + ++ticks_);
    }
    auto writer = JournalWriter::Open(
        *posix_, paths.journal,
        {.kind = JournalKind::kVault, .owner = JournalOwnerOf(vault)}, {},
        [](ByteView, const JournalPosition&) { return absl::OkStatus(); });
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append(record.SerializeAsString()).ok());
  }
  void CallRemoved(const std::vector<PackId>& packs) {
    for (const PackId& pack : packs) {
      VaultRecord record;
      record.mutable_pack_removed()->set_pack(std::string(pack.text()));
      Append(record);
    }
  }
  Order NewOrder() const {
    Order order;
    order.set_server_id(std::string(server_.text()));
    order.set_vault("home");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(clock_.Now()));
    return order;
  }
  // Another host's backups, so that nothing doubts the clock.
  void PassDays(int days) {
    for (int day = 0; day < days; ++day) {
      clock_.Set(clock_.Now() + kDay);
      ASSERT_TRUE(Deposit(db_, db_.MakeTree(1, 50, 1)).ok());
    }
  }
  // By order and trash time, the right way.
  void PurgeFirst() {
    PassDays(15);
    Order order = NewOrder();
    order.mutable_expire()->add_snapshots(
        std::string(ledger_[0].snapshot.text()));
    order.mutable_expire()->set_override_checks(true);
    const absl::Status status = vault_->Obey(SignOrder(admin_key_, order));
    ASSERT_TRUE(status.ok()) << status;
    PassDays(15);
    ASSERT_EQ(*vault_->PurgeDue(), 1u);
    ledger_.resize(days_);  // those of the other host are not looked at
    ledger_.erase(ledger_.begin());
  }
  // `days` snapshots apart; the first is purged, and its packs removed.
  void MakeGarbage(size_t days = 3) {
    days_ = days;
    const std::set<std::string> before = Sealed();
    DepositApart(1);
    garbage_ = NewPacks(before);
    ASSERT_EQ(garbage_.size(), 2u);
    for (size_t day = 1; day < days; ++day) DepositApart(day + 1);
    PurgeFirst();
    Stop();
  }

  // As somebody in the server can make one, of the right server and with the
  // right first admin key.
  VaultPaths ForgeVault(const std::string& name, const VaultId& id) {
    const VaultPaths paths(directory_ + "/vaults/" + name);
    VaultRegistration forged = vault_keys_.registration();
    forged.name = name;
    forged.id = id;
    const absl::Status status = Vault::Create(*posix_, paths, forged, server_,
                                              admin_, AsBytes("k"), clock_);
    EXPECT_TRUE(status.ok()) << status;
    return paths;
  }
  // Its journal then calls all packs of the true vault removed.
  void CallAllRemovedBy(const VaultPaths& paths, const VaultId& id) {
    for (const std::string& name : Sealed()) {
      const auto pack = ParsePackFileName(name);
      if (!pack.has_value()) continue;
      const auto toc = ReadToc(*posix_, Paths().sealed,
                               vault_keys_.registration().id, *pack);
      ASSERT_TRUE(toc.ok());
      AppendTo(paths, id, SealedRecord(*toc));
      AppendTo(paths, id, RemovedRecord(*pack, toc->toc.pack_length, 0));
    }
  }

  SweepReport Run(bool act = true) {
    auto report = Sweep(*posix_, config_, clock_, act);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : SweepReport{};
  }
  static std::string Refusals(const SweepReport& report) {
    return absl::StrJoin(report.refused, "\n");
  }
  static std::string Names(const std::vector<PackId>& packs) {
    std::set<std::string> names;
    for (const PackId& pack : packs) {
      names.insert(PackFileName(pack));
      names.insert(TocFileName(pack));
    }
    return absl::StrJoin(names, " ");
  }

  SweepConfig config_;
  std::vector<PackId> garbage_;
  size_t days_ = 0;
  int64_t ticks_ = 0;
};

}  // namespace nightsafe
