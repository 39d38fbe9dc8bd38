#include "server/vault/set_histories.h"

#include <algorithm>

namespace nightsafe {

void SetHistories::Add(const SnapshotInfo& info, size_t place,
                       absl::Time received, bool keyed) {
  Set& set = hosts_[info.host][info.set];
  const Observation seen =
      set.observer.Observe({.sequence = info.sequence,
                            .received = received,
                            .new_bytes = info.new_bytes,
                            .previous_bytes = info.previous_bytes,
                            .kept_bytes = info.kept_bytes,
                            .reached_bytes = info.reached_bytes},
                           keyed);
  set.entries.push_back({.place = place,
                         .received = received,
                         .extra = seen.extra,
                         .suspicious = seen.suspicious()});
}

void SetHistories::Forget(const SnapshotInfo& info, size_t place) {
  std::vector<Entry>& entries = hosts_[info.host][info.set].entries;
  const auto found = std::lower_bound(
      entries.begin(), entries.end(), place,
      [](const Entry& entry, size_t wanted) { return entry.place < wanted; });
  if (found != entries.end() && found->place == place) entries.erase(found);
}

void SetHistories::Release(const SetScope& scope, uint64_t sequence) {
  for (auto& [host, sets] : hosts_) {
    if (!scope.first.empty() && scope.first != host) continue;
    for (auto& [name, set] : sets) {
      if (!scope.second.empty() && scope.second != name) continue;
      set.observer.Release(sequence);
    }
  }
}

std::vector<std::string> SetHistories::Hosts() const {
  std::vector<std::string> names;
  for (const auto& [host, sets] : hosts_) {
    const bool any = std::any_of(sets.begin(), sets.end(), [](const auto& set) {
      return !set.second.entries.empty();
    });
    if (any) names.push_back(host);
  }
  return names;
}

HostHistory SetHistories::Of(const std::string& host,
                             const std::vector<SnapshotInfo>& snapshots) const {
  HostHistory history{.host = host, .sets = {}};
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return history;
  for (const auto& [name, set] : found->second) {
    SetHistory& filled = history.sets.emplace_back();
    filled.set = name;
    filled.suspect_since = set.observer.suspect_since();
    filled.suspicion = set.observer.suspicion();
    for (const Entry& entry : set.entries) {
      const SnapshotInfo& info = snapshots[entry.place];
      if (info.life != SnapshotLife::kLive) continue;
      filled.live.push_back({.id = info.id,
                             .sequence = info.sequence,
                             .received = entry.received,
                             .extra = entry.extra,
                             .suspicious = entry.suspicious,
                             .undeleted = info.undeleted_at});
    }
  }
  return history;
}

}  // namespace nightsafe
