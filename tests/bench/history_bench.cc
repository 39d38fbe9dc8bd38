// What a long history costs.
//
//   history_bench [--snapshots N] [--prune N] [--check]
//
// A host backs up a tree that never changes every hour, N times (4,380: half a
// year), by its real agent and over mTLS; what the server's data directory
// grows by, and how long the first and the last snapshot take to restore. Then
// N snapshots (1,000) are pruned by a signed order, twice as many of another
// server, and one in the middle of a third. --check: exit code 1 if a figure is
// not what is promised. Files are below $TMPDIR.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "client/agent/backup.h"
#include "client/rpc/admin_client.h"
#include "client/rpc/retrieve_client.h"
#include "common/base/check.h"
#include "common/order/order.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"
#include "tests/support/vault_fixture.h"
#include "tests/support/whole_snapshot.h"

namespace nightsafe {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr double kMaxGrowth = 16 << 10;  // bytes for each unchanged snapshot
constexpr double kMaxRestoreRatio = 1.2;
constexpr double kMaxPruneSeconds = 1;
constexpr double kMaxPruneRatio = 3;  // of twice as many
constexpr uint64_t kMaxRemovalJournal = 16 << 10;
constexpr int kRestores = 9;
constexpr size_t kIdsPerOrder =
    (kMaxOrderBytes - 2048) / (SnapshotId::kSize + 2);

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

// Of a segment of a journal, which is allocated ahead: as far as it is used.
uint64_t UsedBytes(const fs::directory_entry& file) {
  if (file.path().extension() != ".seg") return file.file_size();
  std::ifstream in(file.path(), std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(in)), {});
  return content.find_last_not_of('\0') + 1;
}

// In files below `path` whose names end with `ending`.
uint64_t BytesBelow(const std::string& path, const std::string& ending = "") {
  uint64_t bytes = 0;
  for (const auto& item : fs::recursive_directory_iterator(path)) {
    if (item.is_regular_file() && item.path().string().ends_with(ending)) {
      bytes += UsedBytes(item);
    }
  }
  return bytes;
}

class History {
 public:
  History() : clock_(MakeClock()) {
    server_ = std::make_unique<TestServer>(TestServer::LoopbackConfig(),
                                           clock_.get());
    admin_ = server_->ConnectAsAdmin();
    v1::format::Order order;
    v1::format::Policy& policy = *order.mutable_set_policy()->mutable_policy();
    policy.set_min_age_s(0);
    policy.set_trash_s(0);
    Submit(order);
  }

  TestServer& server() { return *server_; }
  TestClock& clock() { return *clock_; }
  Vault& vault() { return **server_->server().data().FindVault("main"); }
  void Hour() { clock_->Set(clock_->Now() + absl::Hours(1)); }

  void Submit(v1::format::Order order) {
    order.set_server_id(std::string(server_->server_id().text()));
    order.set_vault("main");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(clock_->Now()));
    Must(AdminClient(*admin_).SubmitOrder(
        SignOrder(server_->admin_key(), order)));
  }

  // So many snapshots of small trees that are all different, hour by hour.
  void Deposit(size_t snapshots) {
    const HostCredential credential = server_->EnrolHost("web1");
    TestHost host(*server_->server().data().registry().FindHost("main", "web1"),
                  *FromProto(ToProto(credential.deposit_key)), "files");
    for (size_t i = 0; i < snapshots; ++i) {
      Hour();
      const TestTree tree = host.MakeTree(2, 2000, i + 1);
      const SessionId id = RandomId<SessionId>();
      auto session = *vault().OpenSession(host.registration(), "files", id);
      for (const SealedObject& object : tree.objects) {
        Must(session->Put(AsBytes(object.bytes)));
      }
      auto outcome = session->Commit(AsBytes(host.MakeManifest(tree.root, id)));
      Must(outcome.status());
      host.Advance(std::get<Committed>(*outcome).snapshot);
    }
  }

  // Expires these, lets their time in the trash pass, purges; seconds.
  double Prune(const std::vector<SnapshotId>& going) {
    const auto start = Steady::now();
    // An order holds so many.
    for (size_t at = 0; at < going.size(); at += kIdsPerOrder) {
      v1::format::Order order;
      order.mutable_expire()->set_override_checks(true);
      const size_t end = std::min(going.size(), at + kIdsPerOrder);
      for (size_t i = at; i < end; ++i) {
        order.mutable_expire()->add_snapshots(std::string(going[i].text()));
      }
      Submit(order);
    }
    const double ordered = SecondsSince(start);
    clock_->Set(clock_->Now() + absl::Hours(1));
    const auto purge = Steady::now();
    const auto purged = vault().PurgeDue();
    Must(purged.status());
    NS_CHECK(*purged == going.size());
    return ordered + SecondsSince(purge);
  }

 private:
  static std::unique_ptr<TestClock> MakeClock() {
    auto clock = std::make_unique<TestClock>();
    // Certificates, of a year, must be valid by the system's clock as well.
    clock->Set(absl::Now() - 200 * absl::Hours(24));
    return clock;
  }

  std::unique_ptr<TestClock> clock_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Connection> admin_;
};

class Bench {
 public:
  explicit Bench(bool check) : check_(check) {}

  // A tree that never changes, `snapshots` times.
  void Unchanged(size_t snapshots);
  void PruneInProportion(size_t snapshots);
  void RemoveOne(size_t snapshots);
  bool ok() const { return !check_ || ok_; }

 private:
  void Expect(bool holds, const char* what) {
    if (!holds) std::printf("NOT as promised: %s\n", what);
    ok_ = ok_ && holds;
  }

  const bool check_;
  bool ok_ = true;
};

void MakeTree(const std::string& root) {
  for (uint64_t i = 0; i < 200; ++i) {
    const std::string folder = root + "/dir" + std::to_string(i % 10);
    fs::create_directories(folder);
    std::ofstream(folder + "/file" + std::to_string(i), std::ios::binary)
        << PseudoRandomBytes(500 + 100 * i, i);
  }
  std::ofstream(root + "/large", std::ios::binary)
      << PseudoRandomBytes(3 << 20, 1000);
}

// Fetches, checks and opens every object; seconds.
double Restore(const RetrieveClient& client, const RemoteSnapshot& snapshot,
               const ReadKey& key, const std::string& root) {
  const auto start = Steady::now();
  const auto whole = ReadWholeSnapshot(
      snapshot.manifest, key,
      [&](const ObjectId& id) -> absl::StatusOr<std::string> {
        std::string bytes;
        NS_RETURN_IF_ERROR(client.FetchObjects(
            "main", snapshot.domain_number, {id}, [&](RemoteObject object) {
              bytes = std::move(object.bytes);
              return object.status;
            }));
        return bytes;
      },
      root);
  Must(whole.status());
  NS_CHECK(whole->contents.size() == 201);
  return SecondsSince(start);
}

void Bench::Unchanged(size_t snapshots) {
  History history;
  TemporaryDirectory directory;
  // Ancestors are in snapshots: nothing else may be made in them.
  const std::string source = directory.Path("above/source");
  fs::create_directories(source);
  MakeTree(source);
  const HostCredential host = history.server().EnrolHost("web1");
  BackupOptions options;
  options.connection = {
      .address = history.server().server().addresses().deposit,
      .server = history.server().server_id(),
      .ca_certificate_pem = history.server().ca_pem(),
      .client_key_pem = host.key_pem,
      .client_certificate_pem = host.certificate_pem};
  options.state_directory = directory.Path("state");
  options.set = "files";
  options.roots = {source};
  options.agent_version = "bench";
  uint64_t first = 0;
  uint64_t packs = 0;
  double seconds = 0;
  for (size_t i = 0; i < snapshots; ++i) {
    history.Hour();
    const auto start = Steady::now();
    Must(RunBackup(options, host.deposit_key, history.server().fs(),
                   history.clock(), {})
             .status());
    if (i > 0) {
      seconds += SecondsSince(start);
      continue;
    }
    first = BytesBelow(history.server().data());
    packs = BytesBelow(history.server().data(), ".pack");
  }
  const auto count = static_cast<double>(snapshots - 1);
  const double growth =
      static_cast<double>(BytesBelow(history.server().data()) - first) / count;
  std::printf(
      "unchanged   %zu snapshots of %.1f MB: the server grew by %.0f bytes "
      "each, %.0f of them packs; a backup took %.1f ms\n",
      snapshots, static_cast<double>(first) / 1e6, growth,
      static_cast<double>(BytesBelow(history.server().data(), ".pack") -
                          packs) /
          count,
      1e3 * seconds / count);
  Expect(growth <= kMaxGrowth, "16 KiB for each");

  const auto connection =
      history.server().Connect(history.server().EnrolReader("ops"));
  const RetrieveClient client(*connection);
  const auto listed = client.ListSnapshots("main", "web1", "files");
  Must(listed.status());
  NS_CHECK(listed->size() == snapshots);
  const ReadKey key = history.server().main_keyring().DeriveReadKey();
  std::vector<double> took[2];
  for (int i = 0; i < kRestores; ++i) {
    took[0].push_back(Restore(client, listed->front(), key, source));
    took[1].push_back(Restore(client, listed->back(), key, source));
  }
  for (auto& times : took) std::sort(times.begin(), times.end());
  const double before = took[0][kRestores / 2];
  const double after = took[1][kRestores / 2];
  std::printf("restore     first %.1f ms, last %.1f ms: %.2f times\n",
              1e3 * before, 1e3 * after, after / before);
  Expect(after <= kMaxRestoreRatio * before, "restore within 1.2 times");
}

std::vector<SnapshotId> AllBut(Vault& vault, size_t left) {
  std::vector<SnapshotId> ids;
  for (const SnapshotInfo& info : vault.Snapshots({})) ids.push_back(info.id);
  NS_CHECK(ids.size() > left);
  ids.resize(ids.size() - left);
  return ids;
}

void Bench::PruneInProportion(size_t snapshots) {
  double took[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    History history;
    history.Deposit((i + 1) * snapshots + 10);
    const auto start = Steady::now();
    history.vault().Plans("");
    const double planned = SecondsSince(start);
    const auto going = AllBut(history.vault(), 10);
    const uint64_t journal = BytesBelow(history.server().data(), ".seg");
    took[i] = planned + history.Prune(going);
    std::printf(
        "prune       %zu snapshots: %.1f ms (%.1f of them the plan), "
        "%.0f bytes of journal each\n",
        going.size(), 1e3 * took[i], 1e3 * planned,
        static_cast<double>(BytesBelow(history.server().data(), ".seg") -
                            journal) /
            static_cast<double>(going.size()));
  }
  std::printf("prune       %.2f times for twice as many\n", took[1] / took[0]);
  Expect(took[0] <= kMaxPruneSeconds, "prune within a second");
  Expect(took[1] <= kMaxPruneRatio * took[0], "prune in proportion");
}

// Every byte of every pack, by file.
std::map<std::string, std::string> PacksOf(const std::string& data) {
  std::map<std::string, std::string> packs;
  for (const auto& item : fs::recursive_directory_iterator(data)) {
    if (item.path().extension() != ".pack") continue;
    std::ifstream in(item.path(), std::ios::binary);
    packs[item.path().filename()] =
        std::string((std::istreambuf_iterator<char>(in)), {});
  }
  return packs;
}

void Bench::RemoveOne(size_t snapshots) {
  History history;
  history.Deposit(snapshots);
  const auto packs = PacksOf(history.server().data());
  const uint64_t journal = BytesBelow(history.server().data(), ".seg");
  const SnapshotId middle = history.vault().Snapshots({})[snapshots / 2].id;
  const double took = history.Prune({middle});
  const uint64_t grown = BytesBelow(history.server().data(), ".seg") - journal;
  const auto collected = history.vault().Collect({}, {});
  Must(collected.status());
  const bool same = PacksOf(history.server().data()) == packs;
  std::printf(
      "remove one  of %zu: %.1f ms, %llu bytes of journal; collected: %llu "
      "bytes not needed, %llu copied, packs %s\n",
      snapshots, 1e3 * took, static_cast<unsigned long long>(grown),
      static_cast<unsigned long long>(collected->figures.condemned_bytes()),
      static_cast<unsigned long long>(collected->figures.rewritten_bytes()),
      same ? "as before" : "CHANGED");
  Expect(grown <= kMaxRemovalJournal, "little journal for a removal");
  Expect(same && collected->figures.rewritten_bytes() == 0 &&
             collected->figures.condemned_objects() > 0,
         "no rewriting for a removal");
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  size_t snapshots = 4380;
  size_t prune = 1000;
  bool check = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0) check = true;
    if (i + 1 == argc) break;
    const size_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--snapshots") == 0) snapshots = value;
    if (std::strcmp(argv[i], "--prune") == 0) prune = value;
  }
  if (snapshots < 2 || snapshots > 4500 || prune < 1 || prune > 2000) {
    std::fprintf(stderr,
                 "history_bench [--snapshots 2..4500] [--prune 1..2000] "
                 "[--check]\n");
    return 2;
  }
  nightsafe::Bench bench(check);
  bench.PruneInProportion(prune);
  bench.RemoveOne(prune);
  bench.Unchanged(snapshots);
  return bench.ok() ? 0 : 1;
}
