#include "server/pack/seal.h"

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

absl::StatusOr<SealedPack> WriteOrReadToc(FileSystem& fs,
                                          absl::string_view sealed_directory,
                                          const Toc& toc) {
  const std::string bytes = EncodeToc(toc);
  absl::Status status = CreateFileDurably(
      fs, absl::StrCat(sealed_directory, "/", TocFileName(toc.pack)),
      AsBytes(bytes), 0640);
  if (absl::IsAlreadyExists(status)) {
    return ReadToc(fs, sealed_directory, toc.vault, toc.pack);
  }
  NS_RETURN_IF_ERROR(status);
  return SealedPack{.toc = toc, .toc_hash = HashOf(AsBytes(bytes))};
}

// Where the pack is, and that it is as long as `toc` says.
absl::StatusOr<bool> IsMoved(FileSystem& fs, const std::string& open_path,
                             const std::string& sealed_path, const Toc& toc) {
  absl::StatusOr<FileInfo> info = fs.Stat(sealed_path);
  const bool moved = info.ok();
  if (absl::IsNotFound(info.status())) info = fs.Stat(open_path);
  NS_RETURN_IF_ERROR(info.status());
  if (info->size_bytes < toc.pack_length) {
    return absl::DataLossError(
        absl::StrCat(moved ? sealed_path : open_path, " has ", info->size_bytes,
                     " bytes, its table of contents says ", toc.pack_length));
  }
  return moved;
}

}  // namespace

absl::StatusOr<SealedPack> SealPack(FileSystem& fs,
                                    absl::string_view open_directory,
                                    absl::string_view sealed_directory,
                                    const Toc& toc) {
  NS_KILL_POINT("seal.before-toc");
  NS_ASSIGN_OR_RETURN(SealedPack sealed,
                      WriteOrReadToc(fs, sealed_directory, toc));
  NS_KILL_POINT("seal.toc-written");
  const std::string name = PackFileName(toc.pack);
  const std::string open_path = absl::StrCat(open_directory, "/", name);
  const std::string sealed_path = absl::StrCat(sealed_directory, "/", name);
  NS_ASSIGN_OR_RETURN(bool moved,
                      IsMoved(fs, open_path, sealed_path, sealed.toc));
  if (!moved) NS_RETURN_IF_ERROR(fs.Rename(open_path, sealed_path));
  NS_KILL_POINT("seal.renamed");
  NS_RETURN_IF_ERROR(fs.SyncDirectory(sealed_directory));
  NS_RETURN_IF_ERROR(fs.SyncDirectory(open_directory));
  NS_KILL_POINT("seal.directories-synced");
  return sealed;
}

absl::StatusOr<SealedPack> ReadToc(FileSystem& fs,
                                   absl::string_view sealed_directory,
                                   const VaultId& vault, const PackId& pack) {
  const std::string path =
      absl::StrCat(sealed_directory, "/", TocFileName(pack));
  NS_ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(fs, path, kMaxTocBytes));
  absl::StatusOr<Toc> toc = DecodeToc(AsBytes(bytes));
  if (!toc.ok()) return Annotate(toc.status(), path);
  if (toc->vault != vault || toc->pack != pack) {
    return absl::DataLossError(absl::StrCat(path, " is that of pack ",
                                            toc->pack.Hex(), " of vault ",
                                            toc->vault.Hex()));
  }
  return SealedPack{.toc = *std::move(toc), .toc_hash = HashOf(AsBytes(bytes))};
}

}  // namespace nightsafe
