// A host that was broken into, and commits for ever: always the same objects,
// each time in a new session, under a new name or into a new set, with a
// manifest as large as it gets. On a real server.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/random.h"
#include "common/snapshot/manifest.h"
#include "tests/support/deposit_call.h"
#include "tests/support/test_server.h"

namespace nightsafe {
namespace {

constexpr size_t kPadding = 60'000;

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  FillRandom(AsMutableBytes(bytes));
  return bytes;
}

class GreedyHost {
 public:
  GreedyHost(TestServer& server, const std::string& name)
      : server_(server), credential_(server.EnrolHost(name)) {}

  // Whatever ended it.
  grpc::Status Deposit(const std::string& set, const std::string& keyed_name,
                       size_t padding = kPadding) {
    const auto connection = server_.Connect(credential_);
    const OneTree tree = SealOneTree(credential_, "hello");
    const SessionId session = RandomId<SessionId>();
    DepositCall call(*connection);
    if (!call.Open(session, set)) return call.Finish();
    v1::DepositRequest request;
    v1::DepositReply reply;
    if (!has_put_) {
      request.mutable_put()->set_number(1);
      request.mutable_put()->add_objects(tree.data.bytes);
      request.mutable_put()->add_objects(tree.root.bytes);
      if (!call.Write(request) || !call.Read(reply)) return call.Finish();
      has_put_ = true;
    }
    v1::format::ManifestClear clear;
    clear.set_set(set);
    clear.set_chain_counter(1);
    clear.set_method(v1::format::WAL);
    clear.set_consistency(v1::format::CRASH);
    clear.set_session(std::string(session.text()));
    if (!keyed_name.empty()) {
      clear.set_keyed_name(keyed_name);
      clear.set_content_id(RandomBytes(Fingerprint::kSize));
    }
    v1::format::ManifestSealed sealed;
    sealed.add_roots(RandomBytes(padding));
    request.mutable_commit()->set_manifest(
        SealManifest(credential_.deposit_key, clear, sealed, tree.root.ref)
            .value());
    if (!call.Write(request) || !call.Read(reply)) return call.Finish();
    EXPECT_TRUE(reply.has_committed()) << reply.ShortDebugString();
    return call.Finish();
  }

  // So many commits of `tries`; what refused the others.
  int DepositMany(int tries, const std::string& set, bool keyed,
                  std::string* refusal, size_t padding = kPadding) {
    int committed = 0;
    for (int i = 0; i < tries; ++i) {
      const grpc::Status status =
          Deposit(absl::StrCat(set, keyed ? "" : absl::StrCat(".", i)),
                  keyed ? absl::StrCat("name", next_++) : "", padding);
      committed += status.ok();
      if (status.ok()) continue;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      *refusal = status.error_message();
    }
    return committed;
  }

 private:
  TestServer& server_;
  const HostCredential credential_;
  int next_ = 0;
  bool has_put_ = false;
};

ServerConfig Unlimited() {
  ServerConfig config = TestServer::LoopbackConfig();
  config.commits_per_day = 0;
  config.manifest_bytes_per_day = 0;
  config.sets_per_host = 0;
  return config;
}

uint64_t SizeOf(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(directory)) {
    if (file.is_regular_file()) bytes += file.file_size();
  }
  return bytes;
}

TEST(GreedyHost, MakesSoManySnapshotsADayInAllItsSets) {
  ServerConfig config = Unlimited();
  config.commits_per_day = 12;
  TestServer server(config);
  GreedyHost host(server, "web1");
  std::string refusal;
  EXPECT_EQ(host.DepositMany(8, "wal", true, &refusal), 8);
  EXPECT_EQ(host.DepositMany(10, "set", false, &refusal), 4) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "has 12 snapshots")) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "commits_per_day")) << refusal;
  EXPECT_EQ(host.DepositMany(5, "wal", true, &refusal), 0);
  // A restart forgets nothing, and it is the matter of that host only.
  server.Stop();
  server.Start();
  EXPECT_EQ(host.DepositMany(5, "wal", true, &refusal), 0);
  GreedyHost other(server, "web2");
  EXPECT_EQ(other.DepositMany(3, "wal", true, &refusal), 3) << refusal;
}

TEST(GreedyHost, BringsSoManyBytesOfManifestsADay) {
  ServerConfig config = Unlimited();
  config.manifest_bytes_per_day = 1'000'000;
  TestServer server(config);
  GreedyHost host(server, "web1");
  std::string refusal;
  EXPECT_EQ(host.DepositMany(40, "wal", true, &refusal), 16) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "limit 1000000")) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "manifest_bytes_per_day")) << refusal;
  server.Stop();
  server.Start();
  EXPECT_EQ(host.DepositMany(3, "wal", true, &refusal), 0);
  // One of a usual size still fits.
  EXPECT_EQ(host.DepositMany(1, "wal", true, &refusal, 100), 1) << refusal;
}

TEST(GreedyHost, HasSoManySets) {
  ServerConfig config = Unlimited();
  config.sets_per_host = 5;
  TestServer server(config);
  GreedyHost host(server, "web1");
  std::string refusal;
  EXPECT_EQ(host.DepositMany(20, "set", false, &refusal), 5) << refusal;
  EXPECT_TRUE(absl::StrContains(refusal, "has 5 sets, limit 5")) << refusal;
  server.Stop();
  server.Start();
  EXPECT_EQ(host.DepositMany(7, "set", false, &refusal), 5);
}

// Without any other limit: what it commits counts as stored.
TEST(GreedyHost, StaysWithinItsQuotaAndTheMarginForManifests) {
  constexpr uint64_t kMargin = 64 << 20;
  ServerConfig config = Unlimited();
  config.host_quota_bytes = 1 << 20;
  TestServer server(config);
  GreedyHost host(server, "web1");
  const uint64_t before = SizeOf(server.data());
  std::string refusal;
  // In a pack and in the journal.
  const auto most = static_cast<int>((kMargin + (1 << 20)) / (2 * kPadding));
  const int committed = host.DepositMany(most + 20, "wal", true, &refusal);
  EXPECT_LE(committed, most);
  EXPECT_GT(committed, most * 9 / 10);
  EXPECT_TRUE(absl::StrContains(refusal, "its quota is 1048576")) << refusal;
  const uint64_t grown = SizeOf(server.data() + "/vaults") - before;
  EXPECT_LE(grown, kMargin + (16 << 20));
  server.Stop();
  server.Start();
  EXPECT_EQ(host.DepositMany(3, "wal", true, &refusal), 0);
}

}  // namespace
}  // namespace nightsafe
