#include "server/vault/removed_packs.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/vault/lost_pack.h"
#include "server/vault/pack_listing.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

// Why the pack is not whole; empty if it is.
std::string Flaw(const std::optional<FoundPack>& found) {
  if (!found.has_value()) {
    return "it is shorter than it was, or its table of contents is not there";
  }
  if (!found->contents.unreadable.empty()) return found->contents.unreadable;
  const size_t right = found->contents.entries.size();
  const size_t all = found->sealed.toc.entries.size();
  if (found->contents.entries == found->sealed.toc.entries) return "";
  return absl::StrCat(right, " of its ", all, " objects are right");
}

}  // namespace

absl::Status TakeBackRemoved(FileSystem& fs, const VaultPaths& paths,
                             const VaultRegistration& vault,
                             VaultJournal& journal, StartupReport& report) {
  NS_ASSIGN_OR_RETURN(const auto packs, ListPacks(fs, paths));
  const PackStates states =
      journal.Read([](const VaultState& state) { return state.packs(); });
  for (const auto& [pack, place] : packs) {
    const PackState* state = FindPack(states, pack);
    if (place != PackPlace::kSealed || state == nullptr || !state->removed ||
        !state->sealed) {
      continue;
    }
    NS_ASSIGN_OR_RETURN(const auto found,
                        FindLostPack(fs, paths, vault.id, pack, *state));
    const std::string flaw = Flaw(found);
    const std::string what =
        absl::StrCat("vault ", vault.name, ": pack ", PackFileName(pack),
                     ", which was removed, lies in ", paths.sealed);
    if (!flaw.empty()) {
      report.notes.push_back(absl::StrCat(what, ", and is not whole (", flaw,
                                          "): it is not used"));
      continue;
    }
    report.notes.push_back(absl::StrCat(what, ": it is used again"));
    NS_RETURN_IF_ERROR(journal.Update([&found](const VaultState&, int64_t) {
      return std::vector<VaultRecord>{SealedRecord(found->sealed)};
    }));
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
