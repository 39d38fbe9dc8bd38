#include "server/vault/manifest_copies.h"

#include <map>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace nightsafe {
namespace {

// Places in the list of snapshots.
absl::StatusOr<std::vector<size_t>> AbsentManifests(const VaultJournal& journal,
                                                    const ObjectStore& store) {
  std::map<uint32_t, std::vector<std::pair<ObjectId, size_t>>> domains;
  journal.Read([&](const VaultState& state) {
    for (size_t i = 0; i < state.snapshots().size(); ++i) {
      const SnapshotInfo& info = state.snapshots()[i];
      domains[info.domain_number].emplace_back(ManifestObjectId(info.id), i);
    }
  });
  std::vector<size_t> absent;
  for (const auto& [domain, manifests] : domains) {
    std::vector<ObjectId> ids;
    for (const auto& [id, place] : manifests) ids.push_back(id);
    NS_ASSIGN_OR_RETURN(auto found, store.Find(domain, ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!found[i].has_value()) absent.push_back(manifests[i].second);
    }
  }
  return absent;
}

}  // namespace

absl::Status StoreAbsentManifests(const VaultJournal& journal,
                                  ObjectStore& store) {
  NS_ASSIGN_OR_RETURN(const auto absent, AbsentManifests(journal, store));
  for (const size_t place : absent) {
    const SnapshotInfo info = journal.Read(
        [&](const VaultState& state) { return state.snapshots()[place]; });
    const absl::StatusOr<bool> added =
        store.Put({.id = ManifestObjectId(info.id),
                   .kind = ObjectKind::kManifest,
                   .domain_number = info.domain_number,
                   .writer = info.writer,
                   .bytes = AsBytes(info.manifest)});
    if (!added.ok()) return absl::OkStatus();
  }
  if (!absent.empty()) {
    store.Barrier({}, journal.generation()).IgnoreError();
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
