#include "server/vault/pack_listing.h"

#include <limits>

#include "common/base/status.h"
#include "server/pack/pack_scan.h"
#include "server/pack/seal.h"

namespace nightsafe {
namespace {

// What the journal lets count of a pack that ended early.
uint64_t LimitOf(const PackState* state) {
  if (state == nullptr || !(state->dead || state->lost)) {
    return std::numeric_limits<uint64_t>::max();
  }
  return state->synced_length;
}

bool IsJournalled(const SealedPack& sealed, const PackState* state) {
  return state != nullptr && state->sealed && !state->lost &&
         state->toc_hash == sealed.toc_hash;
}

}  // namespace

absl::StatusOr<std::map<PackId, PackPlace>> ListPacks(FileSystem& fs,
                                                      const VaultPaths& paths) {
  std::map<PackId, PackPlace> packs;
  for (PackPlace place : {PackPlace::kOpen, PackPlace::kSealed}) {
    NS_ASSIGN_OR_RETURN(
        std::vector<std::string> names,
        fs.List(place == PackPlace::kOpen ? paths.open : paths.sealed));
    for (const std::string& name : names) {
      if (const auto pack = ParsePackFileName(name)) packs[*pack] = place;
    }
  }
  return packs;
}

bool IsSettled(PackPlace place, const PackState* state) {
  if (state == nullptr) return false;
  if (state->dead && !state->sealed && state->synced_length == 0) return true;
  return state->removed && place == PackPlace::kOpen;
}

std::string PackPath(const VaultPaths& paths, const PackId& pack,
                     PackPlace place) {
  return place == PackPlace::kOpen ? paths.OpenPack(pack)
                                   : paths.SealedPack(pack);
}

absl::StatusOr<PackContents> ScanContents(const File& file, uint64_t limit) {
  PackContents contents;
  const absl::StatusOr<PackScan> scan =
      ScanPack(file, 0, limit, [&](const PackEntry& entry, ByteView) {
        contents.entries.push_back(entry);
        return absl::OkStatus();
      });
  if (absl::IsUnavailable(scan.status())) {
    return PackContents{.unreadable = std::string(scan.status().message())};
  }
  NS_RETURN_IF_ERROR(scan.status());
  contents.length = scan->valid_length;
  contents.intact_length = scan->prefix_length;
  if (!scan->unreadable.ok()) {
    contents.unreadable =
        absl::StrCat(scan->unreadable_bytes, " bytes, the first behind offset ",
                     scan->prefix_length, ": ", scan->unreadable.message());
  }
  return contents;
}

absl::StatusOr<PackContents> LoadContents(FileSystem& fs,
                                          const VaultPaths& paths,
                                          const VaultId& vault,
                                          const PackId& pack, PackPlace place,
                                          const PackState* state) {
  const std::string path = PackPath(paths, pack, place);
  absl::StatusOr<std::unique_ptr<File>> file = fs.OpenForRead(path);
  if (absl::IsUnavailable(file.status())) {
    return PackContents{.unreadable = std::string(file.status().message())};
  }
  NS_RETURN_IF_ERROR(file.status());
  NS_ASSIGN_OR_RETURN(uint64_t size, (*file)->Size());
  absl::StatusOr<SealedPack> sealed = ReadToc(fs, paths.sealed, vault, pack);
  if (sealed.ok() && IsJournalled(*sealed, state) &&
      sealed->toc.pack_length <= size) {
    return PackContents{.entries = std::move(sealed->toc.entries),
                        .length = sealed->toc.pack_length,
                        .intact_length = sealed->toc.pack_length};
  }
  absl::StatusOr<PackContents> contents = ScanContents(**file, LimitOf(state));
  if (!contents.ok()) return Annotate(contents.status(), path);
  return contents;
}

}  // namespace nightsafe
