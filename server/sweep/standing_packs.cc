#include "server/sweep/standing_packs.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/pack/pack_scan.h"
#include "server/pack/seal.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxReaders = 256;

}  // namespace

absl::StatusOr<StandingPacks> StandingPacks::Open(
    FileSystem& fs, const VaultPaths& paths, const VaultView& vault,
    const std::map<PackId, std::string>& others) {
  StandingPacks standing(fs, paths, vault);
  std::map<PackId, Pack> found;
  // The open ones first: one that is being finished is then found at its new
  // place at the latest.
  for (const bool finished : {false, true}) {
    const std::string& directory = finished ? paths.sealed : paths.open;
    NS_ASSIGN_OR_RETURN(auto names, fs.List(directory));
    for (const std::string& name : names) {
      const auto id = ParsePackFileName(name);
      if (!id.has_value() || others.contains(*id)) continue;
      found[*id] = {.id = *id,
                    .path = absl::StrCat(directory, "/", name),
                    .finished = finished};
    }
  }
  for (auto& [id, pack] : found) standing.packs_.push_back(std::move(pack));
  return standing;
}

absl::StatusOr<std::vector<PackEntry>> StandingPacks::EntriesOf(
    const Pack& pack) const {
  const PackState* state = FindPack(vault_->state.packs(), pack.id);
  if (pack.finished && state != nullptr && state->sealed) {
    const auto toc = ReadToc(*fs_, paths_.sealed, vault_->id, pack.id);
    if (toc.ok() && toc->toc_hash == state->toc_hash) return toc->toc.entries;
  }
  std::vector<PackEntry> entries;
  auto file = fs_->OpenForRead(pack.path);
  if (absl::IsNotFound(file.status()) && !pack.finished) {
    // Finished a moment ago.
    file = fs_->OpenForRead(paths_.SealedPack(pack.id));
  }
  if (absl::IsNotFound(file.status())) return entries;
  NS_RETURN_IF_ERROR(file.status());
  const auto scan = ScanPack(**file, 0, std::numeric_limits<uint64_t>::max(),
                             [&](const PackEntry& entry, ByteView) {
                               entries.push_back(entry);
                               return absl::OkStatus();
                             });
  // Nothing in it can be found: as good as gone.
  if (absl::IsDataLoss(scan.status())) return std::vector<PackEntry>();
  NS_RETURN_IF_ERROR(scan.status());
  return entries;
}

absl::Status StandingPacks::ForEach(
    const std::function<void(const StandingCopy&)>& take) const {
  for (uint32_t place = 0; place < packs_.size(); ++place) {
    const Pack& pack = packs_[place];
    NS_ASSIGN_OR_RETURN(auto entries, EntriesOf(pack));
    uint64_t length = std::numeric_limits<uint64_t>::max();
    // A lost pack ends before its table of contents does.
    if (const auto info = fs_->Stat(pack.path); info.ok()) {
      length = info->size_bytes;
    }
    for (const PackEntry& entry : entries) {
      if (entry.end() > length ||
          vault_->state.IsQuarantined(entry.domain_number, entry.id, pack.id,
                                      entry.offset)) {
        continue;
      }
      take({.domain_number = entry.domain_number,
            .id = entry.id,
            .kind = entry.kind,
            .pack = place,
            .length = entry.length,
            .offset = entry.offset});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PackReader*> StandingPacks::ReaderOf(uint32_t place) {
  const auto opened = readers_.find(place);
  if (opened != readers_.end()) return opened->second.get();
  if (readers_.size() == kMaxReaders) readers_.clear();
  auto reader = PackReader::Open(*fs_, packs_[place].path);
  if (absl::IsNotFound(reader.status())) {
    reader = PackReader::Open(*fs_, paths_.SealedPack(packs_[place].id));
  }
  NS_RETURN_IF_ERROR(reader.status());
  return (readers_[place] = *std::move(reader)).get();
}

absl::StatusOr<std::string> StandingPacks::Read(const StandingCopy& copy) {
  NS_ASSIGN_OR_RETURN(PackReader * reader, ReaderOf(copy.pack));
  NS_ASSIGN_OR_RETURN(std::string bytes,
                      reader->ReadObject(copy.offset, copy.length));
  if (ObjectIdOf(AsBytes(bytes)) == copy.id) return bytes;
  return absl::DataLossError(absl::StrCat(packs_[copy.pack].path, ", offset ",
                                          copy.offset, ": not object ",
                                          copy.id.Hex()));
}

}  // namespace nightsafe
