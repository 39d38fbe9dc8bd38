#include "server/vault/snapshot_names.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxNamedSnapshots = 20;

}  // namespace

std::string NameSnapshots(const VaultState& state, uint64_t first_sequence,
                          const std::set<uint32_t>& domains) {
  std::vector<std::string> names;
  size_t more = 0;
  for (const SnapshotInfo& info : state.snapshots()) {
    if (info.sequence < first_sequence) continue;
    if (info.life == SnapshotLife::kPurged) continue;
    if (!domains.empty() && !domains.contains(info.domain_number)) continue;
    if (names.size() == kMaxNamedSnapshots) {
      ++more;
      continue;
    }
    names.push_back(
        absl::StrCat(info.host, "/", info.set, " of ",
                     absl::FormatTime(absl::RFC3339_sec, info.received,
                                      absl::UTCTimeZone())));
  }
  if (names.empty()) return "no snapshot needs it";
  return absl::StrCat("snapshots that may be hit: ", absl::StrJoin(names, ", "),
                      more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

std::vector<ObjectId> UncommittedManifests(
    const VaultState& state, const std::vector<PackEntry>& entries) {
  std::vector<ObjectId> found;
  for (const PackEntry& entry : entries) {
    if (entry.kind != ObjectKind::kManifest) continue;
    const bool known =
        std::any_of(state.snapshots().begin(), state.snapshots().end(),
                    [&](const SnapshotInfo& info) {
                      return ManifestObjectId(info.id) == entry.id;
                    });
    if (!known) found.push_back(entry.id);
  }
  return found;
}

}  // namespace nightsafe
