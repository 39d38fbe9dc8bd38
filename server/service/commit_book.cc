#include "server/service/commit_book.h"

namespace nightsafe {

void CommitBook::Load(const Vault& vault, absl::Time now) {
  hosts_.clear();
  vault.Read([&](const VaultState& state) {
    for (const SnapshotInfo& info : state.snapshots()) {
      if (info.received + kSpan >= now) {
        Add(info.host, info.set, info.manifest.size(), info.received);
      } else {
        hosts_[info.host].sets.insert(info.set);
      }
    }
  });
  loaded_ = true;
}

CommitBook::HostCommits CommitBook::Of(absl::string_view name,
                                       absl::string_view set, absl::Time now) {
  HostCommits result;
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return result;
  Host& host = found->second;
  while (!host.commits.empty() && host.commits.front().when + kSpan < now) {
    host.manifest_bytes -= host.commits.front().manifest_bytes;
    host.commits.pop_front();
  }
  result.commits = host.commits.size();
  result.manifest_bytes = host.manifest_bytes;
  if (!host.commits.empty()) result.oldest = host.commits.front().when;
  result.sets = host.sets.size();
  result.knows_set = host.sets.contains(set);
  return result;
}

void CommitBook::Add(absl::string_view name, absl::string_view set,
                     uint64_t manifest_bytes, absl::Time when) {
  Host& host = hosts_[std::string(name)];
  host.commits.push_back({when, manifest_bytes});
  host.manifest_bytes += manifest_bytes;
  if (!host.sets.contains(set)) host.sets.insert(std::string(set));
}

}  // namespace nightsafe
