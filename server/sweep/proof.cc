#include "server/sweep/proof.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/object/object.h"
#include "common/snapshot/manifest.h"
#include "server/pack/pack_reader.h"
#include "server/pack/pack_scan.h"
#include "server/pack/seal.h"
#include "server/sweep/node_walk.h"
#include "server/sweep/standing_packs.h"
#include "server/vault/retention_words.h"

namespace nightsafe {
namespace {

struct Place {
  bool is_node = false;
  std::vector<PackId> packs;
};
// Objects of doomed packs that have no other copy, and where they lie.
using Alone = absl::flat_hash_map<ObjectKeyPair, Place>;

class Proof {
 public:
  Proof(FileSystem& fs, const VaultView& vault, const DoomedPacks& doomed)
      : fs_(fs), vault_(vault), doomed_(doomed) {}

  absl::StatusOr<std::map<PackId, absl::Status>> Run(const VaultPaths& paths) {
    for (const auto& [pack, path] : doomed_) {
      verdicts_[pack] = ListObjects(pack, path);
    }
    NS_ASSIGN_OR_RETURN(StandingPacks standing,
                        StandingPacks::Open(fs_, paths, vault_, doomed_));
    NS_RETURN_IF_ERROR(DropCopied(standing));
    if (!alone_.empty()) NS_RETURN_IF_ERROR(FindNeeded(standing));
    return std::move(verdicts_);
  }

 private:
  // Of the whole file, whatever its table of contents says.
  absl::Status ListObjects(const PackId& pack, const std::string& path) {
    NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs_.OpenForRead(path));
    NS_ASSIGN_OR_RETURN(
        const PackScan scan,
        ScanPack(*file, 0, std::numeric_limits<uint64_t>::max(),
                 [&](const PackEntry& entry, ByteView) {
                   // The journal has every manifest, whole and for ever.
                   if (entry.kind == ObjectKind::kManifest) {
                     return absl::OkStatus();
                   }
                   Place& place = alone_[{entry.domain_number, entry.id}];
                   place.is_node = entry.kind == ObjectKind::kNode;
                   place.packs.push_back(pack);
                   return absl::OkStatus();
                 }));
    // What lies where it cannot be read now may be needed.
    NS_RETURN_IF_ERROR(scan.unreadable);
    return CheckIdentity(scan.identity, pack);
  }

  // Another vault's pack is for that vault's journal to judge. A header that is
  // damaged says nothing, nor who put the file there.
  absl::Status CheckIdentity(const PackIdentity& identity,
                             const PackId& pack) const {
    if (identity.vault == vault_.id && identity.pack == pack) {
      return absl::OkStatus();
    }
    if (identity.vault == VaultId()) {
      return absl::FailedPreconditionError(
          "its header is damaged: whose pack it is cannot be said");
    }
    return absl::PermissionDeniedError(absl::StrCat(
        "its header says that it is ", PackFileName(identity.pack),
        " of vault ", identity.vault.Hex(), ", and this is vault ",
        vault_.id.Hex(), ": somebody put it there; look for an intruder"));
  }

  // A copy counts when its bytes were read and are right.
  absl::Status DropCopied(StandingPacks& standing) {
    std::vector<StandingCopy> copies;
    NS_RETURN_IF_ERROR(standing.ForEach([&](const StandingCopy& copy) {
      if (alone_.contains({copy.domain_number, copy.id})) {
        copies.push_back(copy);
      }
    }));
    for (const StandingCopy& copy : copies) {
      const ObjectKeyPair key(copy.domain_number, copy.id);
      if (!alone_.contains(key)) continue;
      if (standing.Read(copy).ok()) alone_.erase(key);
    }
    return absl::OkStatus();
  }

  absl::Status FindNeeded(StandingPacks& standing) {
    NodeWalk walk(standing);
    NS_RETURN_IF_ERROR(walk.Load());
    for (const SnapshotInfo& info : vault_.state.snapshots()) {
      if (info.life == SnapshotLife::kPurged) continue;
      NS_ASSIGN_OR_RETURN(Manifest manifest,
                          ParseManifest(AsBytes(info.manifest)));
      NS_RETURN_IF_ERROR(
          walk.Walk(info.domain_number, manifest.root,
                    [&](const ObjectId& id, NodeWalk::Found found) {
                      Note(info, id, found);
                    }));
    }
    return absl::OkStatus();
  }

  void Note(const SnapshotInfo& info, const ObjectId& id,
            NodeWalk::Found found) {
    const auto it = alone_.find({info.domain_number, id});
    if (it == alone_.end()) {
      if (found == NodeWalk::Found::kNot) {
        RefuseAll(absl::StrCat(SnapshotText(info), " lacks object ", id.Hex(),
                               ": what it needs cannot be said; scrub, and let "
                               "the host back up again"));
      }
      return;
    }
    const std::string why = absl::StrCat(SnapshotText(info), " needs object ",
                                         id.Hex(), ", which lies nowhere else");
    for (const PackId& pack : it->second.packs) Refuse(pack, why);
    // The walk does not see what is below it.
    if (it->second.is_node) RefuseAll(absl::StrCat(why, ", and is a node"));
  }

  // What is missing may be a node, and what is below it the last of its kind.
  void RefuseAll(const std::string& why) {
    for (const auto& [key, place] : alone_) {
      for (const PackId& pack : place.packs) Refuse(pack, why);
    }
  }

  void Refuse(const PackId& pack, const std::string& why) {
    absl::Status& verdict = verdicts_[pack];
    if (verdict.ok()) verdict = absl::FailedPreconditionError(why);
  }

  FileSystem& fs_;
  const VaultView& vault_;
  const DoomedPacks& doomed_;
  Alone alone_;
  std::map<PackId, absl::Status> verdicts_;
};

}  // namespace

absl::StatusOr<std::map<PackId, absl::Status>> ProveUseless(
    FileSystem& fs, const VaultPaths& paths, const VaultView& vault,
    const DoomedPacks& doomed) {
  return Proof(fs, vault, doomed).Run(paths);
}

}  // namespace nightsafe
