#include "server/vault/named_pack.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

// The directory is there and shows other packs, so nobody has merely taken the
// disk away.
bool IsGone(FileSystem& fs, const VaultPaths& paths, const PackId& pack) {
  const auto names = fs.List(paths.sealed);
  if (!names.ok()) return false;
  return std::any_of(
      names->begin(), names->end(), [&](const std::string& name) {
        const std::optional<PackId> other = ParsePackFileName(name);
        return other.has_value() ? *other != pack
                                 : ParseTocFileName(name) == pack;
      });
}

}  // namespace

absl::StatusOr<std::unique_ptr<PackReader>> OpenNamedPack(
    FileSystem& fs, const VaultPaths& paths, const PackId& pack) {
  absl::Status status;
  // It may be finished between two tries: its name then changes once.
  for (const std::string& path :
       {paths.SealedPack(pack), paths.OpenPack(pack), paths.SealedPack(pack)}) {
    absl::StatusOr<std::unique_ptr<PackReader>> reader =
        PackReader::Open(fs, path);
    if (!absl::IsNotFound(reader.status())) return reader;
    status = reader.status();
  }
  if (IsGone(fs, paths, pack)) return status;
  return absl::UnavailableError(status.message());
}

absl::Status ReadPastCache(FileSystem& fs, const VaultPaths& paths,
                           const ObjectId& id, const ObjectLocation& location) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<PackReader> reader,
                      OpenNamedPack(fs, paths, location.pack));
  reader->DropCache();
  NS_ASSIGN_OR_RETURN(std::string bytes,
                      reader->ReadObject(location.offset, location.length));
  if (ObjectIdOf(AsBytes(bytes)) == id) return absl::OkStatus();
  return absl::DataLossError("the stored bytes are not this object");
}

absl::Status SyncNamedPack(FileSystem& fs, const VaultPaths& paths,
                           const PackId& pack) {
  const absl::StatusOr<std::unique_ptr<File>> file =
      fs.OpenForRead(paths.SealedPack(pack));
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  NS_RETURN_IF_ERROR(file.status());
  NS_RETURN_IF_ERROR((*file)->SyncData());
  return fs.SyncDirectory(paths.sealed);
}

std::vector<IndexEntry> RightOnDisk(FileSystem& fs, const VaultPaths& paths,
                                    const std::vector<IndexEntry>& copies) {
  std::vector<IndexEntry> right;
  absl::flat_hash_map<PackId, bool> synced;
  for (const IndexEntry& copy : copies) {
    const PackId& pack = copy.location.pack;
    const auto [it, added] = synced.try_emplace(pack);
    if (added) it->second = SyncNamedPack(fs, paths, pack).ok();
    if (it->second && ReadPastCache(fs, paths, copy.id, copy.location).ok()) {
      right.push_back(copy);
    }
  }
  return right;
}

absl::StatusOr<HeaderState> LookAtHeader(const PackReader& reader,
                                         const VaultId& vault,
                                         const PackId& pack) {
  HeaderState state = HeaderState::kFine;
  for (int look = 0; look < 2; ++look) {
    reader.DropCache();
    NS_ASSIGN_OR_RETURN(std::string bytes,
                        ReadExactly(reader.file(), 0, kPackHeaderBytes));
    const auto identity = DecodePackHeader(AsBytes(bytes));
    if (identity.ok() && identity->pack == pack && identity->vault == vault) {
      return HeaderState::kFine;
    }
    state = identity.ok() ? HeaderState::kOfAnother : HeaderState::kDamaged;
  }
  return state;
}

absl::Status LookAtRecord(const File& file, const PackEntry& entry) {
  file.DropCache();
  NS_ASSIGN_OR_RETURN(std::string bytes, ReadExactly(file, entry.record(),
                                                     kPackRecordHeaderBytes));
  if (IsRecordHeaderOf(entry, AsBytes(bytes))) return absl::OkStatus();
  return absl::DataLossError("the header of an object's record is damaged");
}

}  // namespace nightsafe
