#include "server/vault/open_findings.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/vault/vault_indexing.h"

namespace nightsafe {

std::vector<ScrubProblem> OpenFindings(const VaultJournal& journal,
                                       const std::vector<ScrubProblem>& named) {
  absl::flat_hash_set<std::string> packs;
  absl::flat_hash_set<ObjectKeyPair> objects;
  for (const ScrubProblem& problem : named) {
    if (!problem.id.IsZero()) {
      objects.insert({problem.domain_number, problem.id});
    } else if (problem.verdict != Verdict::kFraming) {
      packs.insert(problem.pack);
    }
  }
  return journal.Read([&](const VaultState& state) {
    std::vector<ScrubProblem> open;
    for (const auto& [object, copies] : state.quarantine()) {
      if (!HasOpenCopy(copies) || objects.contains(object)) continue;
      const QuarantinedCopy& copy = copies.back();
      const std::string pack = PackFileName(copy.pack);
      if (packs.contains(pack)) continue;
      open.push_back({.domain_number = object.first,
                      .id = object.second,
                      .pack = pack,
                      .offset = copy.offset,
                      .verdict = Verdict::kWrong,
                      .detail = copy.reason});
    }
    return open;
  });
}

bool HasOpenFinding(const VaultJournal& journal, const IndexEntry& copy) {
  return journal.Read([&](const VaultState& state) {
    if (state.open_findings() == 0) return false;
    const auto it = state.quarantine().find({copy.domain_number, copy.id});
    return it != state.quarantine().end() && HasOpenCopy(it->second) &&
           !state.IsQuarantined(copy.domain_number, copy.id, copy.location.pack,
                                copy.location.offset);
  });
}

bool IsSettled(const VaultJournal& journal, const IndexEntry& copy) {
  return journal.Read([&](const VaultState& state) {
    const auto it = state.quarantine().find({copy.domain_number, copy.id});
    return it != state.quarantine().end() && !HasOpenCopy(it->second) &&
           state.IsQuarantined(copy.domain_number, copy.id, copy.location.pack,
                               copy.location.offset);
  });
}

std::vector<IndexEntry> NotSettled(const VaultJournal& journal,
                                   const PackId& pack,
                                   const std::vector<PackEntry>& entries) {
  std::vector<IndexEntry> copies;
  for (const PackEntry& entry : entries) {
    const IndexEntry copy = ToIndexEntry(pack, entry);
    if (!IsSettled(journal, copy)) copies.push_back(copy);
  }
  return copies;
}

}  // namespace nightsafe
