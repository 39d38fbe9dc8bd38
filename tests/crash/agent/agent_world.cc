#include "tests/crash/agent/agent_world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/index_reader.h"
#include "client/agent/state.h"
#include "client/agent/status.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/object/object.h"
#include "common/snapshot/manifest.h"
#include "server/vault/data_directory.h"

namespace nightsafe {
namespace {

SnapshotId IdOfManifest(const std::string& manifest) {
  return SnapshotId::FromValidBytes(ObjectIdOf(AsBytes(manifest)).view());
}

void CheckIndex(SimDisk& disk, const std::string& set, const SetState& state,
                bool killed, const DepositKey& key, AgentWorld& world) {
  if (state.index_name.empty()) return;
  const DomainKeys keys(key.domain_secret);
  const auto index = IndexReader::Open(
      disk,
      absl::StrCat(SetDirectory(kAgentDirectory, set), "/", state.index_name),
      state.identity, keys, state.head);
  ++(index.ok() ? world.figures().index_whole : world.figures().index_gone);
  if (killed && !index.ok()) {
    world.Violated(
        absl::StrCat("a kill lost the index: ", index.status().message()));
  }
}

void CheckStatus(SimDisk& disk, const SetState& state, AgentWorld& world) {
  const auto sets = ReadBackupStatus(disk, kAgentDirectory);
  if (!sets.ok() || sets->size() != 1 || sets->at(0).damaged) {
    world.Violated("status does not tell of the set");
    return;
  }
  const SetStatus& status = sets->at(0);
  if (status.snapshot != state.head ||
      status.chain_counter != state.chain_counter ||
      status.commit_pending != state.pending.has_value()) {
    world.Violated("status does not tell what the state says");
  }
}

}  // namespace

AgentWorld::AgentWorld()
    : host_(server_.EnrolHost("web1")),
      vault_(*server_.server().data().FindVault("main")),
      link_(server_.server().addresses().deposit) {}

std::vector<SnapshotInfo> AgentWorld::Snapshots(const std::string& set) {
  return vault_->Snapshots({.host = "web1", .set = set});
}

Picture AgentWorld::Read(const SnapshotInfo& snapshot,
                         const std::string& below) {
  const auto whole = ReadWholeSnapshot(
      snapshot.manifest, server_.main_keyring().DeriveReadKey(),
      [&](const ObjectId& id) -> absl::StatusOr<std::string> {
        std::string bytes;
        NS_RETURN_IF_ERROR(vault_->Fetch(snapshot.domain_number, {id},
                                         [&bytes](FetchedObject object) {
                                           bytes = std::move(object.bytes);
                                           return object.status;
                                         }));
        return bytes;
      },
      below);
  ++figures_.snapshots;
  if (whole.ok()) return PictureOf(*whole);
  Violated(absl::StrCat("a listed snapshot cannot be read: ",
                        whole.status().ToString()));
  return {};
}

BackupOptions AgentWorld::OptionsFor(const std::string& set,
                                     const std::string& root) {
  BackupOptions options;
  options.connection = {.address = link_.address(),
                        .server = server_.server_id(),
                        .ca_certificate_pem = server_.ca_pem(),
                        .client_key_pem = host_.key_pem,
                        .client_certificate_pem = host_.certificate_pem};
  options.state_directory = kAgentDirectory;
  options.set = set;
  options.roots = {root};
  options.agent_version = "test";
  options.max_reconnects = 0;
  return options;
}

void CheckDisk(SimDisk& disk, const std::string& set,
               const std::vector<SnapshotInfo>& listed, bool must_know,
               bool killed, const DepositKey& key, AgentWorld& world) {
  const auto state = LoadSetState(disk, SetDirectory(kAgentDirectory, set));
  if (absl::IsNotFound(state.status()) && listed.empty()) return;
  if (!state.ok()) {
    world.Violated(absl::StrCat("the state is lost, the server has ",
                                listed.size(),
                                " snapshots: ", state.status().ToString()));
    return;
  }
  CheckStatus(disk, *state, world);
  CheckIndex(disk, set, *state, killed, key, world);
  const uint64_t known = state->chain_counter;
  if (known > listed.size() ||
      (known > 0 && listed[known - 1].id != state->head)) {
    world.Violated(absl::StrCat("the state's head, number ", known,
                                ", is not on the server, which has ",
                                listed.size()));
    return;
  }
  const bool asks = known + 1 == listed.size() && state->pending.has_value() &&
                    IdOfManifest(state->pending->manifest) == listed.back().id;
  if (known != listed.size() && !asks) {
    world.Violated(absl::StrCat("the state knows ", known,
                                " snapshots and does not ask for more, the "
                                "server has ",
                                listed.size()));
  }
  if (must_know && (known != listed.size() || state->pending.has_value())) {
    world.Violated("an acknowledged commit is not known after a crash");
  }
}

void CheckChain(const std::vector<SnapshotInfo>& listed, AgentWorld& world) {
  std::set<std::string> sessions;
  std::string before;
  for (size_t i = 0; i < listed.size(); ++i) {
    const SnapshotInfo& snapshot = listed[i];
    const auto manifest = ParseManifest(AsBytes(snapshot.manifest));
    if (!manifest.ok()) {
      world.Violated(std::string(manifest.status().message()));
      continue;
    }
    const v1::format::ManifestClear& clear = manifest->clear;
    if (clear.chain_counter() != i + 1 || clear.previous_manifest() != before ||
        clear.restarted() != (i == 0) || snapshot.forked ||
        snapshot.restarted) {
      world.Violated(absl::StrCat("snapshot ", i + 1, " of ", listed.size(),
                                  " has chain counter ", clear.chain_counter(),
                                  snapshot.forked ? ", forked" : "",
                                  clear.restarted() ? ", restarted" : ""));
    }
    if (!sessions.insert(clear.session()).second) {
      world.Violated("a session made two snapshots");
    }
    before = std::string(snapshot.id.text());
  }
}

}  // namespace nightsafe
