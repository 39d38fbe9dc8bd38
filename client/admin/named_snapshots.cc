#include "client/admin/named_snapshots.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

bool IsNamed(const v1::AdminSnapshot& snapshot, const std::string& name) {
  return name == SetOf(snapshot) || name == snapshot.host() ||
         name == absl::StrCat(snapshot.host(), "/", snapshot.set());
}

bool HasId(const v1::AdminSnapshot& snapshot, const std::string& name) {
  constexpr size_t kShortestId = 6;
  return name.size() >= kShortestId && absl::StartsWith(IdOf(snapshot), name);
}

// A host can make ids that begin like those of other snapshots.
absl::Status CheckOne(const std::string& name,
                      const std::vector<const v1::AdminSnapshot*>& by_id) {
  if (by_id.size() < 2) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name, "\" is the beginning of the ids of ", by_id.size(),
      " snapshots, ", IdOf(*by_id[0]), " of ", SetOf(*by_id[0]), " and ",
      IdOf(*by_id[1]), " of ", SetOf(*by_id[1]), ": give more digits"));
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
    std::vector<const v1::AdminSnapshot*> named, by_id;
    for (const v1::AdminSnapshot& snapshot : all) {
      if (IsNamed(snapshot, name)) named.push_back(&snapshot);
      if (HasId(snapshot, name)) by_id.push_back(&snapshot);
    }
    if (named.empty()) {
      NS_RETURN_IF_ERROR(CheckOne(name, by_id));
      named = by_id;
    }
    for (const v1::AdminSnapshot* snapshot : named) {
      if (seen.insert(snapshot->snapshot()).second) chosen.push_back(*snapshot);
    }
    if (named.empty()) {
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
