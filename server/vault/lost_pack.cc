#include "server/vault/lost_pack.h"

#include "common/base/status.h"
#include "server/pack/pack_reader.h"
#include "server/vault/named_pack.h"

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

}  // namespace nightsafe
