// What a collection of a vault with a tenth of garbage costs, and what it costs
// the backups beside it.
//
//   collect_bench [GIGABYTES] [DIRECTORY]
//
// Fills a vault with committed snapshots and, one byte in ten, uploads that
// were abandoned; times backups alone, during a collection at its usual rate,
// and alone again.

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/order/order.h"
#include "server/vault/data_directory.h"
#include "server/vault/throttle.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kCopiedPerSecond = 50'000'000;
constexpr int kRounds = 8;
constexpr size_t kObjectBytes = 512 << 10;
constexpr size_t kUploadObjects = 128;  // 64 MiB

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

uint64_t PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) != 0) continue;
    uint64_t kilobytes = 0;
    const std::vector<std::string> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (absl::SimpleAtoi(words[1], &kilobytes)) return kilobytes / 1024;
  }
  return 0;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  explicit Bench(Vault& vault, const TestVault& keys)
      : vault_(vault), host_(keys.MakeHost("bench", 1)) {}

  // 64 MiB of new bytes; seconds without making them.
  double Upload(bool commit) {
    const TestTree tree = host_.MakeTree(kUploadObjects, kObjectBytes, ++seed_);
    const auto start = Clock::now();
    const SessionId id = RandomId<SessionId>();
    auto session = vault_.OpenSession(host_.registration(), host_.set(), id);
    NS_CHECK(session.ok());
    for (const SealedObject& object : tree.objects) {
      NS_CHECK((*session)->Put(AsBytes(object.bytes)).ok());
    }
    if (!commit) return SecondsSince(start);
    auto outcome =
        (*session)->Commit(AsBytes(host_.MakeManifest(tree.root, id)));
    NS_CHECK(outcome.ok() && std::holds_alternative<Committed>(*outcome));
    host_.Advance(std::get<Committed>(*outcome).snapshot);
    return SecondsSince(start);
  }

 private:
  Vault& vault_;
  TestHost host_;
  uint64_t seed_ = 0;
};

void Run(const std::string& parent, uint64_t gigabytes) {
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
  Vault& vault = **(*data)->FindVault("home");
  Bench bench(vault, keys);
  // Three uploads of thirty are abandoned, one after the other.
  const uint64_t uploads = gigabytes * 16;
  for (uint64_t i = 0; i < uploads; ++i) bench.Upload(i % 30 < 27);
  vault.ExpireSessions(absl::InfiniteFuture());
  // Before and after: a disk has moods.
  std::vector<double> alone;
  std::vector<double> beside;
  for (int i = 0; i < kRounds; ++i) alone.push_back(bench.Upload(true));

  std::atomic<bool> done = false;
  absl::StatusOr<CollectResult> result = absl::UnknownError("");
  double took = 0;
  std::thread collector([&] {
    const auto start = Clock::now();
    // As `nightsafe-admin collect` does.
    Throttle throttle(kCopiedPerSecond);
    result = vault.Collect({}, [&](const CollectProgress& progress) {
      absl::SleepFor(
          throttle.PauseAfter(progress.rewritten_bytes, absl::Now()));
      return absl::OkStatus();
    });
    took = SecondsSince(start);
    done = true;
  });
  while (!done || beside.empty()) beside.push_back(bench.Upload(true));
  collector.join();
  for (int i = 0; i < kRounds; ++i) alone.push_back(bench.Upload(true));
  if (!result.ok()) {
    std::printf("%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  const auto& figures = result->figures;
  const auto megabytes = [](uint64_t bytes) {
    return static_cast<double>(bytes) / 1e6;
  };
  std::printf("vault       %.0f MB, %.0f MB of it garbage\n",
              megabytes(result->total_bytes),
              megabytes(figures.condemned_bytes()));
  std::printf(
      "collection  %.2f s, %llu packs removed (%.0f MB), %.0f MB "
      "copied: %.2f times the garbage\n",
      took, static_cast<unsigned long long>(figures.removed_packs()),
      megabytes(figures.removed_bytes()), megabytes(figures.rewritten_bytes()),
      megabytes(figures.rewritten_bytes()) /
          std::max(1.0, megabytes(figures.condemned_bytes())));
  std::printf(
      "backup      median %.3f s alone (%zu), %.3f s beside it (%zu): %+.0f "
      "%%\n",
      Median(alone), alone.size(), Median(beside), beside.size(),
      100 * (Median(beside) / Median(alone) - 1));
  std::printf("memory      marks %.1f MB, peak of the process %llu MB\n",
              megabytes(result->memory_bytes),
              static_cast<unsigned long long>(PeakMegabytes()));
  NS_CHECK((*data)->Close().ok());
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  nightsafe::InitCrypto();
  uint64_t gigabytes = 5;
  if (argc > 1 && (!absl::SimpleAtoi(argv[1], &gigabytes) || gigabytes == 0)) {
    std::fprintf(stderr, "collect_bench [GIGABYTES] [DIRECTORY]\n");
    return 2;
  }
  std::string directory =
      (argc > 2 ? std::string(argv[2]) : std::string("/tmp")) +
      "/collect.XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  nightsafe::Run(directory, gigabytes);
  std::filesystem::remove_all(directory);
  return 0;
}
