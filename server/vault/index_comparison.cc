#include "server/vault/index_comparison.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/hash/hash.h"
#include "common/base/status.h"
#include "server/vault/vault_indexing.h"

namespace nightsafe {

void IndexComparison::LocationSum::Add(const IndexEntry& entry) {
  ++count;
  sum += absl::HashOf(entry.domain_number, entry.id, entry.location.offset,
                      entry.location.length);
}

absl::Status IndexComparison::Meet(
    const PackId& pack, std::span<const PackEntry> entries,
    const std::function<void(const IndexEntry&)>& unknown) {
  absl::flat_hash_map<uint32_t, std::vector<IndexEntry>> domains;
  for (const PackEntry& entry : entries) {
    domains[entry.domain_number].push_back(ToIndexEntry(pack, entry));
  }
  for (const auto& [domain, members] : domains) {
    std::vector<ObjectId> ids;
    for (const IndexEntry& entry : members) ids.push_back(entry.id);
    NS_ASSIGN_OR_RETURN(auto found, index_.Find(vault_, domain, ids));
    for (size_t i = 0; i < members.size(); ++i) {
      if (!found[i]) {
        unknown(members[i]);
      } else if (found[i]->pack == pack &&
                 found[i]->offset == members[i].location.offset) {
        met_[pack].Add(members[i]);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<IndexEntry>> IndexComparison::Suspects(
    const absl::flat_hash_set<PackId>& packs) const {
  absl::flat_hash_map<PackId, LocationSum> claimed;
  NS_RETURN_IF_ERROR(index_.ForEach(vault_, [&](const IndexEntry& entry) {
    if (packs.contains(entry.location.pack)) {
      claimed[entry.location.pack].Add(entry);
    }
    return absl::OkStatus();
  }));
  // A pack that the index points into nowhere has nothing to be wrong.
  absl::flat_hash_set<PackId> differing;
  for (const auto& [pack, sum] : claimed) {
    const auto it = met_.find(pack);
    if (it == met_.end() || it->second != sum) differing.insert(pack);
  }
  std::vector<IndexEntry> suspects;
  if (differing.empty()) return suspects;
  NS_RETURN_IF_ERROR(index_.ForEach(vault_, [&](const IndexEntry& entry) {
    if (differing.contains(entry.location.pack)) suspects.push_back(entry);
    return absl::OkStatus();
  }));
  return suspects;
}

absl::Status AddIndexedEntries(const ObjectIndex& index, const VaultId& vault,
                               const PackId& pack,
                               std::vector<PackEntry>& entries) {
  const auto by_offset = [](const PackEntry& a, const PackEntry& b) {
    return a.offset < b.offset;
  };
  std::vector<PackEntry> indexed;
  NS_RETURN_IF_ERROR(index.ForEach(vault, [&](const IndexEntry& entry) {
    if (entry.location.pack != pack) return absl::OkStatus();
    indexed.push_back({.id = entry.id,
                       .offset = entry.location.offset,
                       .length = entry.location.length,
                       .kind = entry.location.kind,
                       .domain_number = entry.domain_number});
    return absl::OkStatus();
  }));
  std::sort(indexed.begin(), indexed.end(), by_offset);
  std::vector<PackEntry> all;
  all.reserve(std::max(entries.size(), indexed.size()));
  std::set_union(entries.begin(), entries.end(), indexed.begin(), indexed.end(),
                 std::back_inserter(all), by_offset);
  entries = std::move(all);
  return absl::OkStatus();
}

}  // namespace nightsafe
