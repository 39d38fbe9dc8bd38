#include "client/restore/plan.h"

#include "client/restore/entry_walk.h"
#include "common/base/status.h"

namespace nightsafe {

absl::StatusOr<RestorePlan> PlanRestore(const ObjectSource& objects,
                                        const OpenedManifest& snapshot,
                                        const std::string& path) {
  RestorePlan plan;
  const v1::format::Statistics& statistics = snapshot.sealed.statistics();
  if (path.empty()) {
    plan.totals = {statistics.entries(), statistics.files(),
                   statistics.directories(), statistics.file_bytes()};
    return plan;
  }
  NodeSource nodes(objects, snapshot.root);
  EntryWalk walk(nodes, snapshot.root, statistics, {path, true});
  for (;;) {
    NS_ASSIGN_OR_RETURN(std::optional<TreeEntry> entry, walk.Next());
    for (const LostNode& lost : walk.TakeLost()) {
      plan.lost_entries += lost.entries;
    }
    if (!entry.has_value()) return plan;
    plan.totals.Add(entry->entry);
  }
}

}  // namespace nightsafe
