#include "client/admin/named_snapshots.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

bool IsNamed(const v1::AdminSnapshot& snapshot, const std::string& name) {
  constexpr size_t kShortestId = 6;
  return name == SetOf(snapshot) || name == snapshot.host() ||
         name == absl::StrCat(snapshot.host(), "/", snapshot.set()) ||
         (name.size() >= kShortestId && absl::StartsWith(IdOf(snapshot), name));
}

}  // namespace

std::string IdOf(const v1::AdminSnapshot& snapshot) {
  return HexEncode(AsBytes(snapshot.snapshot()));
}

std::string SetOf(const v1::AdminSnapshot& snapshot) {
  return absl::StrCat(snapshot.host(), "/", snapshot.set(),
                      snapshot.keyed_name().empty() ? "" : "/",
                      snapshot.keyed_name());
}

absl::StatusOr<std::vector<v1::AdminSnapshot>> FindNamed(
    const AdminClient& server, const std::string& vault, const char* life,
    const std::vector<std::string>& names) {
  v1::AdminListSnapshotsRequest request;
  request.set_vault(vault);
  request.add_lives(life);
  NS_ASSIGN_OR_RETURN(std::vector<v1::AdminSnapshot> all,
                      server.ListSnapshots(request));
  std::vector<v1::AdminSnapshot> chosen;
  absl::flat_hash_set<std::string> seen;
  for (const std::string& name : names) {
    bool found = false;
    for (const v1::AdminSnapshot& snapshot : all) {
      if (!IsNamed(snapshot, name)) continue;
      found = true;
      if (seen.insert(snapshot.snapshot()).second) chosen.push_back(snapshot);
    }
    if (!found) {
      return absl::NotFoundError(absl::StrCat(
          "no ", life, " snapshot of vault ", vault, " is \"", name,
          "\": `nightsafe-admin snapshot list --all` shows what there is"));
    }
  }
  return chosen;
}

absl::StatusOr<std::vector<SnapshotId>> IdsOf(
    const std::vector<v1::AdminSnapshot>& snapshots) {
  std::vector<SnapshotId> ids;
  for (const v1::AdminSnapshot& snapshot : snapshots) {
    NS_ASSIGN_OR_RETURN(SnapshotId id,
                        SnapshotId::FromBytes(AsBytes(snapshot.snapshot())));
    ids.push_back(id);
  }
  return ids;
}

}  // namespace nightsafe
