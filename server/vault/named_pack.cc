#include "server/vault/named_pack.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

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
