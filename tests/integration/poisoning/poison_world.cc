#include "tests/integration/poisoning/poison_world.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "tests/support/domain_fixture.h"
#include "tests/support/whole_snapshot.h"

namespace nightsafe {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFiles = 12;

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

// Files that were just made count as old enough to trust.
class LaterClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now() + absl::Minutes(1); }
};

}  // namespace

PoisonWorld::PoisonWorld(uint64_t seed)
    : seed_(seed),
      source_(directory_.Path("source")),
      honest_(server_.EnrolHost("web1")),
      sharer_(server_.EnrolHost("evil1")),
      reading_(server_.Connect(server_.EnrolReader("ops"))),
      rehearsal_(directory_.Path("rehearsal")) {
  sharer_.deposit_key = MintDepositKey(server_.main_keyring().DeriveEnrolKey(),
                                       "evil1", 1, "web1", 1);
  fs::create_directory(source_);
}

void PoisonWorld::Write(const std::string& name, const std::string& content) {
  std::ofstream(source_ + "/" + name, std::ios::binary) << content;
}

BackupOptions PoisonWorld::Options(const std::string& state) const {
  BackupOptions options;
  options.state_directory = directory_.Path(state);
  options.set = "files";
  options.roots = {source_};
  options.agent_version = "test";
  options.max_reconnects = 0;
  return options;
}

std::vector<Target> PoisonWorld::ForeseeNight() {
  ++night_;
  for (uint64_t i = 0; i < kFiles; ++i) {
    const uint64_t content = (seed_ << 20) + night_ * kFiles + i;
    Write("file" + std::to_string(i),
          PseudoRandomBytes(1000 + 30'000 * i, content));
  }
  Write("large", PseudoRandomBytes(3 << 20, (seed_ << 20) + night_));
  Write("text", CompressibleText(20'000 + night_));
  BackupOptions options = Options("rehearsal.state");
  options.connection.address = rehearsal_.address();
  Must(
      RunBackup(options, sharer_.deposit_key, *fs_, LaterClock(), {}).status());
  std::vector<Target> targets;
  for (auto& [id, bytes] : rehearsal_.objects()) {
    if (ParseObject(AsBytes(bytes))->kind == ObjectKind::kManifest) continue;
    if (foreseen_.emplace(id, bytes).second) targets.push_back({id, bytes});
  }
  return targets;
}

absl::StatusOr<BackupResult> PoisonWorld::Backup() {
  BackupOptions options = Options("state");
  options.connection = {.address = server_.server().addresses().deposit,
                        .server = server_.server_id(),
                        .ca_certificate_pem = server_.ca_pem(),
                        .client_key_pem = honest_.key_pem,
                        .client_certificate_pem = honest_.certificate_pem};
  return RunBackup(options, honest_.deposit_key, *fs_, LaterClock(), {});
}

std::map<std::string, std::string> PoisonWorld::Files() const {
  std::map<std::string, std::string> files;
  for (const auto& item : fs::directory_iterator(source_)) {
    std::ifstream in(item.path(), std::ios::binary);
    files[item.path().filename()] =
        std::string((std::istreambuf_iterator<char>(in)), {});
  }
  return files;
}

absl::StatusOr<std::string> PoisonWorld::Fetch(const ObjectId& id) {
  NS_ASSIGN_OR_RETURN(
      const HostRegistration host,
      server_.server().data().registry().FindHost("main", "web1"));
  std::string bytes;
  NS_RETURN_IF_ERROR(RetrieveClient(*reading_).FetchObjects(
      "main", host.domain_number, {id}, [&](RemoteObject object) {
        bytes = std::move(object.bytes);
        return object.status;
      }));
  return bytes;
}

absl::Status PoisonWorld::CheckRestore() {
  NS_ASSIGN_OR_RETURN(
      const auto listed,
      RetrieveClient(*reading_).ListSnapshots("main", "web1", "files"));
  if (listed.empty()) return absl::NotFoundError("there is no snapshot");
  NS_ASSIGN_OR_RETURN(
      const WholeSnapshot snapshot,
      ReadWholeSnapshot(
          listed.back().manifest, server_.main_keyring().DeriveReadKey(),
          [&](const ObjectId& id) { return Fetch(id); }, source_));
  if (snapshot.contents == Files()) return absl::OkStatus();
  return absl::DataLossError("it restores to other bytes");
}

}  // namespace nightsafe
