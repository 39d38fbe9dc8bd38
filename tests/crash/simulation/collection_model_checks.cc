// What damages and stops the vault of the model, and what must hold then.
#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "tests/crash/simulation/collection_model.h"
#include "tests/crash/simulation/seeded_random.h"

namespace nightsafe {
namespace {

absl::Status Broken(absl::string_view what) {
  return absl::InternalError(std::string(what));
}

}  // namespace

// As nightsafe-sweep, at once.
absl::Status CollectionModel::Sweep() {
  const VaultPaths paths(absl::StrCat(kSimData, "/vaults/home"));
  const std::vector<PackId> removed = vault_->Read([](const VaultState& state) {
    std::vector<PackId> packs;
    for (const auto& [pack, pack_state] : state.packs()) {
      if (pack_state.removed) packs.push_back(pack);
    }
    return packs;
  });
  SimDisk& disk = server_->disk();
  for (const PackId& pack : removed) {
    disk.Unlink(paths.SealedPack(pack)).IgnoreError();
    disk.Unlink(absl::StrCat(paths.sealed, "/", TocFileName(pack)))
        .IgnoreError();
  }
  return disk.SyncDirectory(paths.sealed);
}

bool CollectionModel::IsNeeded(uint32_t domain, const ObjectId& id) const {
  return std::any_of(
      snapshots_.begin(), snapshots_.end(), [&](const auto& item) {
        const Attempt& attempt = *item.second.attempt;
        return attempt.domain_number == domain &&
               std::any_of(
                   attempt.objects.begin(), attempt.objects.end(),
                   [&](const auto& object) { return object->ref.id == id; });
      });
}

// Damages each copy of an object that no snapshot needs, and reads it.
absl::Status CollectionModel::Spoil() {
  const Writer& writer = writers_[random_() % writers_.size()];
  const Forest::Tree& tree = writer.trees[random_() % writer.trees.size()];
  const SharedObject object = tree.objects[random_() % tree.objects.size()];
  const uint32_t domain = writer.host.domain_number;
  if (IsNeeded(domain, object->ref.id)) return absl::OkStatus();
  const VaultPaths paths(absl::StrCat(kSimData, "/vaults/home"));
  SimDisk& disk = server_->disk();
  bool any = false;
  for (const std::string& directory : {paths.open, paths.sealed}) {
    NS_ASSIGN_OR_RETURN(auto names, disk.List(directory));
    for (const std::string& name : names) {
      if (!absl::EndsWith(name, ".pack")) continue;
      const std::string path = absl::StrCat(directory, "/", name);
      NS_ASSIGN_OR_RETURN(auto file, disk.OpenForWrite(path));
      NS_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
      std::string bytes(size, '\0');
      NS_RETURN_IF_ERROR(file->ReadAt(0, AsMutableBytes(bytes)).status());
      for (size_t at = bytes.find(object->bytes); at != std::string::npos;
           at = bytes.find(object->bytes, at + 1)) {
        const size_t middle = at + object->bytes.size() / 2;
        const char flipped = static_cast<char>(bytes[middle] ^ 1);
        NS_RETURN_IF_ERROR(
            file->WriteAt(middle, AsBytes(absl::string_view(&flipped, 1))));
        any = true;
      }
      NS_RETURN_IF_ERROR(file->SyncData());
    }
  }
  if (!any) return absl::OkStatus();
  spoilt_ = true;
  ++figures_.quarantined;
  for (const auto& session : sessions_) {
    if (writers_[session->writer].host.domain_number == domain) {
      session->relied.erase(object->ref.id);
    }
  }
  // What waits for a barrier is found by a read only, and copies that nothing
  // points to by a scrub only.
  NS_RETURN_IF_ERROR(
      vault_->Fetch(domain, {object->ref.id},
                    [](const FetchedObject&) { return absl::OkStatus(); }));
  return vault_->Scrub({}).status();
}

absl::Status CollectionModel::DropSession() {
  Session* session = Pick();
  if (session == nullptr || session->attempt == nullptr) {
    return absl::OkStatus();
  }
  session->deposit.reset();
  if (random_() % 2 == 0) return absl::OkStatus();
  // Those whose streams are gone end; the agent may come again all the same.
  vault_->ExpireSessions(absl::InfiniteFuture());
  for (const auto& other : sessions_) {
    if (other->deposit == nullptr) other->relied.clear();
  }
  if (random_() % 2 == 0) session->attempt = nullptr;
  return absl::OkStatus();
}

absl::Status CollectionModel::Restart() {
  ++figures_.restarts;
  collection_.reset();
  for (const auto& session : sessions_) {
    session->deposit.reset();
    session->relied.clear();
  }
  const uint64_t kind = random_() % 3;
  if (kind == 0) {
    NS_RETURN_IF_ERROR(Annotate(server_->Stop(), "a clean stop"));
    if (random_() % 4 == 0) {
      NS_RETURN_IF_ERROR(Annotate(server_->Rebuild(), "a rebuild"));
    }
  } else {
    ++figures_.crashes;
    server_->Kill();
    if (kind == 2) server_->Replace(server_->disk().AfterPowerCut(random_));
  }
  NS_RETURN_IF_ERROR(Annotate(server_->Start(), "a start"));
  NS_ASSIGN_OR_RETURN(vault_, server_->data().FindVault("home"));
  if (!spoilt_ && !server_->report().losses.empty()) {
    return Broken(absl::StrCat("losses: ", server_->report().losses.front()));
  }
  return Annotate(CheckAll(), "after a restart");
}

absl::Status CollectionModel::CheckAll() {
  std::map<uint32_t, std::map<ObjectId, const SealedObject*>> needed;
  for (const auto& [id, snapshot] : snapshots_) {
    for (const SharedObject& object : snapshot.attempt->objects) {
      needed[snapshot.attempt->domain_number][object->ref.id] = object.get();
    }
  }
  const auto check = [&](uint32_t domain, const std::vector<ObjectId>& ids,
                         const char* invariant) {
    for (const ObjectId& id : ids) {
      if (vault_->IsCondemned(domain, id)) {
        return Broken(absl::StrCat(invariant, ": ", id.Hex(), " is condemned"));
      }
    }
    return vault_->Fetch(
        domain, ids, [&](const FetchedObject& object) -> absl::Status {
          if (object.status.ok()) return absl::OkStatus();
          return Broken(absl::StrCat(invariant, ": ", object.id.Hex(), ": ",
                                     object.status.ToString()));
        });
  };
  for (const auto& [domain, objects] : needed) {
    std::vector<ObjectId> ids;
    for (const auto& [id, object] : objects) ids.push_back(id);
    NS_RETURN_IF_ERROR(check(domain, ids, "I1"));
  }
  for (const auto& session : sessions_) {
    NS_RETURN_IF_ERROR(check(writers_[session->writer].host.domain_number,
                             {session->relied.begin(), session->relied.end()},
                             "I2"));
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
