#include "server/vault/lost_pack.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "server/pack/pack_reader.h"
#include "server/vault/named_pack.h"
#include "server/vault/snapshot_names.h"

namespace nightsafe {

bool HasItsHeader(FileSystem& fs, const VaultPaths& paths, const VaultId& vault,
                  const PackId& pack, PackPlace place) {
  const auto reader = PackReader::Open(fs, PackPath(paths, pack, place));
  if (!reader.ok()) return false;
  const auto header = LookAtHeader(**reader, vault, pack);
  return header.ok() && *header == HeaderState::kFine;
}

absl::StatusOr<std::optional<FoundPack>> FindLostPack(FileSystem& fs,
                                                      const VaultPaths& paths,
                                                      const VaultId& vault,
                                                      const PackId& pack,
                                                      const PackState& state) {
  absl::StatusOr<SealedPack> sealed = ReadToc(fs, paths.sealed, vault, pack);
  if (!sealed.ok() || sealed->toc_hash != state.toc_hash) return std::nullopt;
  const auto reader = PackReader::Open(fs, paths.SealedPack(pack));
  if (!reader.ok()) return std::nullopt;
  NS_ASSIGN_OR_RETURN(const uint64_t size, (*reader)->file().Size());
  if (size < sealed->toc.pack_length) return std::nullopt;
  NS_RETURN_IF_ERROR(SyncNamedPack(fs, paths, pack));
  (*reader)->DropCache();
  NS_ASSIGN_OR_RETURN(PackContents contents,
                      ScanContents((*reader)->file(), sealed->toc.pack_length));
  contents.length = sealed->toc.pack_length;
  return FoundPack{.sealed = *std::move(sealed),
                   .contents = std::move(contents)};
}

std::string DescribeLoss(absl::string_view vault, const PackId& pack,
                         absl::string_view reason,
                         absl::string_view snapshots) {
  return absl::StrCat(
      "vault ", vault, ": pack ", PackFileName(pack), " ", reason, "; ",
      snapshots,
      "; the next backup of these hosts puts what still exists again; if the "
      "whole pack is found, put it back under its name and restart nightsafed");
}

void AddEarlierLosses(absl::string_view vault, const VaultJournal& journal,
                      int64_t until_ns, std::vector<std::string>& losses) {
  journal.Read([&](const VaultState& state) {
    const absl::Time last = state.snapshots().empty()
                                ? absl::InfinitePast()
                                : state.snapshots().back().received;
    for (const auto& [pack, pack_state] : state.packs()) {
      if (!pack_state.lost || pack_state.removed) continue;
      if (pack_state.ended_ns > until_ns ||
          absl::FromUnixNanos(pack_state.ended_ns) <= last) {
        continue;
      }
      losses.push_back(
          DescribeLoss(vault, pack, pack_state.ended_reason,
                       NameSnapshots(state, pack_state.first_sequence, {})));
    }
  });
}

}  // namespace nightsafe
