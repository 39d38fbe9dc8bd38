#include "server/vault/vault_indexing.h"

#include <algorithm>
#include <limits>
#include <map>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "server/vault/snapshot_names.h"

namespace nightsafe {
namespace {

constexpr size_t kIndexBatchObjects = 10'000;

// Packs in the order in which they were finished; those that were not come
// last: of two valid copies the later one is used.
std::vector<PackId> InSealOrder(const std::map<PackId, PackPlace>& packs,
                                const PackStates& states) {
  std::vector<std::pair<uint64_t, PackId>> order;
  for (const auto& [pack, place] : packs) {
    const PackState* state = FindPack(states, pack);
    const bool sealed = state != nullptr && state->sealed;
    order.emplace_back(
        sealed ? state->seal_order : std::numeric_limits<uint64_t>::max(),
        pack);
  }
  std::sort(order.begin(), order.end());
  std::vector<PackId> ids;
  for (const auto& [number, pack] : order) ids.push_back(pack);
  return ids;
}

// Fills the index with the packs of a vault; lives for one call.
class Indexing {
 public:
  Indexing(ObjectIndex& index, const VaultId& vault,
           const VaultJournal& journal, const IndexProgress& progress)
      : index_(index), vault_(vault), journal_(journal), progress_(progress) {}

  absl::Status Add(const PackId& pack, const PackContents& contents) {
    for (const PackEntry& entry : contents.entries) {
      const bool quarantined = journal_.Read([&](const VaultState& state) {
        return state.IsQuarantined(entry.domain_number, entry.id, pack,
                                   entry.offset);
      });
      if (quarantined) continue;
      batch_.objects.push_back(ToIndexEntry(pack, entry));
      ++objects_;
      if (batch_.objects.size() < kIndexBatchObjects) continue;
      NS_RETURN_IF_ERROR(Flush(/*sync=*/false));
    }
    if (contents.unreadable.empty()) {
      batch_.indexed_lengths.emplace_back(pack, contents.length);
    }
    return absl::OkStatus();
  }

  // Only now does the index say that it is one.
  absl::StatusOr<uint64_t> Finish() {
    batch_.journal_records = journal_.records();
    NS_RETURN_IF_ERROR(Flush(/*sync=*/true));
    return objects_;
  }

 private:
  absl::Status Flush(bool sync) {
    NS_RETURN_IF_ERROR(index_.Write(vault_, batch_, sync));
    NS_KILL_POINT("rebuild.batch-written");
    batch_ = {};
    if (progress_) progress_(objects_);
    return absl::OkStatus();
  }

  ObjectIndex& index_;
  const VaultId vault_;
  const VaultJournal& journal_;
  const IndexProgress& progress_;
  IndexBatch batch_;
  uint64_t objects_ = 0;
};

}  // namespace

std::string UnreadablePack(absl::string_view vault, const PackId& pack,
                           absl::string_view reason) {
  return absl::StrCat("vault ", vault, ": pack ", PackFileName(pack),
                      " cannot be read now (", reason,
                      "): it stays as it is, and the next start looks again; "
                      "look after its disk, then restart nightsafed");
}

void KeepPromised(uint64_t length, PackContents& contents) {
  std::erase_if(contents.entries, [length](const PackEntry& entry) {
    return entry.end() > length;
  });
}

IndexEntry ToIndexEntry(const PackId& pack, const PackEntry& entry) {
  return {.domain_number = entry.domain_number,
          .id = entry.id,
          .location = {.pack = pack,
                       .offset = entry.offset,
                       .length = entry.length,
                       .kind = entry.kind}};
}

absl::StatusOr<uint64_t> IndexVault(FileSystem& fs, const VaultPaths& paths,
                                    const VaultRegistration& vault,
                                    ObjectIndex& index,
                                    const VaultJournal& journal,
                                    StartupReport& report,
                                    const IndexProgress& progress) {
  const PackStates states =
      journal.Read([](const VaultState& state) { return state.packs(); });
  NS_ASSIGN_OR_RETURN(auto packs, ListPacks(fs, paths));
  Indexing indexing(index, vault.id, journal, progress);
  for (const PackId& pack : InSealOrder(packs, states)) {
    const PackState* state = FindPack(states, pack);
    if (state != nullptr && state->removed) continue;
    const bool ended = state != nullptr && (state->dead || state->lost);
    PackContents contents;
    if (!ended || state->synced_length > 0) {
      absl::StatusOr<PackContents> loaded =
          LoadContents(fs, paths, vault.id, pack, packs.at(pack), state);
      if (loaded.ok()) {
        contents = *std::move(loaded);
      } else if (!absl::IsDataLoss(loaded.status())) {
        return loaded.status();
      }
    }
    if (!contents.unreadable.empty()) {
      KeepPromised(state == nullptr ? 0 : state->synced_length, contents);
      report.notes.push_back(
          UnreadablePack(vault.name, pack, contents.unreadable));
    } else if (state != nullptr &&
               contents.intact_length < state->synced_length) {
      report.losses.push_back(
          absl::StrCat("vault ", vault.name, ": pack ", PackFileName(pack),
                       " is damaged at offset ", contents.intact_length,
                       ", before its synced length ", state->synced_length));
    }
    NS_RETURN_IF_ERROR(indexing.Add(pack, contents));
  }
  for (const auto& [pack, state] : states) {
    if (packs.contains(pack) || state.synced_length == 0 || state.removed) {
      continue;
    }
    report.losses.push_back(absl::StrCat(
        "vault ", vault.name, ": pack ", PackFileName(pack), " is missing; ",
        journal.Read([&, first = state.first_sequence](const VaultState& now) {
          return NameSnapshots(now, first, {});
        })));
  }
  return indexing.Finish();
}

}  // namespace nightsafe
