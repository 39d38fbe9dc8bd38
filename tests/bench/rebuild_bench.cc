// Seconds that `nightsafed rebuild` takes for 10^6 objects, by making so many
// small ones (or the number given), closing the vault and rebuilding its index.
//
//   rebuild_bench [OBJECTS] [BYTES_EACH] [DIRECTORY]

#include <stdlib.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "common/base/check.h"
#include "common/order/order.h"
#include "server/vault/data_directory.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {
namespace {

using Seconds = std::chrono::duration<double>;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return Seconds(std::chrono::steady_clock::now() - start).count();
}

void Fill(Vault& vault, TestHost& host, uint64_t objects, size_t bytes) {
  constexpr uint64_t kPerSnapshot = 16000;  // four below each node
  for (uint64_t done = 0, seed = 1; done < objects; ++seed) {
    const uint64_t now = std::min(kPerSnapshot, objects - done);
    const TestTree tree = host.MakeTree(now, bytes, seed);
    const SessionId id = RandomId<SessionId>();
    auto session = vault.OpenSession(host.registration(), host.set(), id);
    NS_CHECK(session.ok());
    for (const SealedObject& object : tree.objects) {
      NS_CHECK((*session)->Put(AsBytes(object.bytes)).ok());
    }
    auto outcome =
        (*session)->Commit(AsBytes(host.MakeManifest(tree.root, id)));
    NS_CHECK(outcome.ok() && std::holds_alternative<Committed>(*outcome));
    host.Advance(std::get<Committed>(*outcome).snapshot);
    done += now;
  }
}

void Run(const std::string& parent, uint64_t objects, size_t bytes) {
  const SystemClock clock;
  const std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  const std::string path = parent + "/data";
  const VerifyKey admin = SigningKey::Generate().verify_key();
  const TestVault keys;
  NS_CHECK(
      DataDirectory::Init(*fs, path, MakeServerId(admin), admin, clock).ok());
  StartupReport report;
  auto data = DataDirectory::Open(*fs, path, clock, DataOptions(), report);
  NS_CHECK(data.ok());
  NS_CHECK((*data)->AddVault(keys.registration(), AsBytes("keyring")).ok());
  TestHost host = keys.MakeHost("bench", 1);
  auto start = std::chrono::steady_clock::now();
  Fill(**(*data)->FindVault("home"), host, objects, bytes);
  std::printf("deposit   %.1f s for %llu data objects of %zu bytes\n",
              SecondsSince(start), static_cast<unsigned long long>(objects),
              bytes);
  NS_CHECK((*data)->Close().ok());
  data->reset();
  std::filesystem::remove_all(path + "/index");
  start = std::chrono::steady_clock::now();
  auto rebuilt = DataDirectory::Rebuild(
      *fs, path, clock, [](uint64_t) {}, &report);
  NS_CHECK(rebuilt.ok());
  const double took = SecondsSince(start);
  std::printf("rebuild   %.2f s for %llu objects: %.2f s per 10^6 objects\n",
              took, static_cast<unsigned long long>(*rebuilt),
              took * 1e6 / static_cast<double>(*rebuilt));
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  uint64_t objects = 1'000'000;
  uint64_t bytes = 1000;
  if ((argc > 1 && !absl::SimpleAtoi(argv[1], &objects)) ||
      (argc > 2 && !absl::SimpleAtoi(argv[2], &bytes)) || objects == 0) {
    std::fprintf(stderr,
                 "usage: rebuild_bench [OBJECTS] [BYTES_EACH] [DIRECTORY]\n");
    return 2;
  }
  std::string pattern =
      std::string(argc > 3 ? argv[3] : "/var/tmp") + "/rebuild.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return 1;
  nightsafe::Run(pattern, objects, bytes);
  std::filesystem::remove_all(pattern);
  return 0;
}
