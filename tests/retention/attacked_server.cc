#include "tests/retention/attacked_server.h"

#include <filesystem>
#include <fstream>

#include "common/base/check.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "common/retention/policy.h"
#include "tests/support/deposit_call.h"

namespace nightsafe {
namespace {

namespace fs = std::filesystem;

constexpr int kFiles = 24;
constexpr size_t kFileBytes = 96 << 10;

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

class ShiftedClock final : public Clock {
 public:
  ShiftedClock(const Clock& clock, absl::Duration shift)
      : clock_(clock), shift_(shift) {}
  absl::Time Now() const override { return clock_.Now() + shift_; }

 private:
  const Clock& clock_;
  const absl::Duration shift_;
};

std::string Random(size_t bytes) {
  std::string text(bytes, '\0');
  FillRandom(AsMutableBytes(text));
  return text;
}

}  // namespace

AttackedHost::AttackedHost(AttackedServer& server, std::string name)
    : server_(server),
      name_(std::move(name)),
      credential_(server.server->EnrolHost(name_)),
      source_(server.directory.Path(name_ + ".source")),
      state_(server.directory.Path(name_ + ".state")) {
  fs::create_directory(source_);
  for (int i = 0; i < kFiles; ++i) {
    Write("file" + std::to_string(i), Random(kFileBytes));
  }
}

void AttackedHost::Write(const std::string& file, const std::string& content) {
  std::ofstream(source_ + "/" + file, std::ios::binary) << content;
}

void AttackedHost::Night(const std::string& set) {
  Write("log", "night " + std::to_string(++seed_));
  Must(Backup(set));
}

absl::Status AttackedHost::Backup(const std::string& set) {
  BackupOptions options;
  options.connection = {.address = server_.server->server().addresses().deposit,
                        .server = server_.server->server_id(),
                        .ca_certificate_pem = server_.server->ca_pem(),
                        .client_key_pem = credential_.key_pem,
                        .client_certificate_pem = credential_.certificate_pem};
  options.state_directory = state_;
  options.set = set;
  options.roots = {source_};
  options.agent_version = "test";
  options.max_reconnects = 0;
  const ShiftedClock clock(server_.clock, clock_shift);
  return RunBackup(options, credential_.deposit_key, *server_.fs, clock, {})
      .status();
}

void AttackedHost::Abandon() {
  const auto connection = server_.server->Connect(credential_);
  DepositCall call(*connection);
  call.Open(RandomId<SessionId>());
  v1::DepositRequest request;
  request.mutable_put()->set_number(1);
  request.mutable_put()->add_objects(
      SealOneTree(credential_, Random(64 << 10)).data.bytes);
  call.Write(request);
}

void AttackedHost::EncryptAll() { EncryptSome(kFiles); }

void AttackedHost::EncryptSome(int files) {
  for (int i = 0; i < files; ++i) {
    Write("file" + std::to_string(++seed_ % kFiles), Random(kFileBytes));
  }
}

void AttackedHost::DeleteAll() {
  for (const auto& item : fs::directory_iterator(source_)) {
    fs::remove(item.path());
  }
}

void AttackedHost::SaveState() {
  fs::remove_all(state_ + ".saved");
  fs::copy(state_, state_ + ".saved", fs::copy_options::recursive);
}

void AttackedHost::RollBack() {
  fs::remove_all(state_);
  fs::copy(state_ + ".saved", state_, fs::copy_options::recursive);
}

void AttackedHost::LoseState() { fs::remove_all(state_); }

AttackedServer::AttackedServer() {
  // Certificates must be valid by the system's clock as well.
  clock.Set(absl::Now() - 120 * absl::Hours(24));
  server = std::make_unique<TestServer>(TestServer::LoopbackConfig(), &clock);
}

Vault& AttackedServer::vault() {
  return *server->server().data().FindVault("main").value();
}

void AttackedServer::SetPolicy() {
  v1::format::Order order;
  order.set_server_id(std::string(server->server_id().text()));
  order.set_vault("main");
  order.set_nonce(std::string(RandomId<SessionId>().text()));
  order.set_issued_unix_ns(absl::ToUnixNanos(clock.Now()));
  v1::format::Policy& policy = *order.mutable_set_policy()->mutable_policy();
  policy.set_keep_last(7);
  policy.set_keep_daily(7);
  policy.set_keep_weekly(0);
  policy.set_keep_monthly(0);
  policy.set_min_age_s(0);
  Must(vault().Obey(SignOrder(server->admin_key(), order)));
}

void AttackedServer::Prune() {
  // Refused while the clock is back: then nothing goes.
  const auto plans = vault().PruneByPolicy();
  NS_CHECK(plans.ok() ||
           plans.status().code() == absl::StatusCode::kFailedPrecondition);
}

std::set<uint64_t> AttackedServer::Live(const std::string& host,
                                        const std::string& set) {
  std::set<uint64_t> live;
  for (const SnapshotInfo& snapshot :
       vault().Snapshots({.host = host, .set = set})) {
    live.insert(snapshot.sequence);
  }
  return live;
}

uint64_t AttackedServer::Sequence() {
  return vault().Snapshots({.life = SnapshotLife::kPurged}).size();
}

}  // namespace nightsafe
