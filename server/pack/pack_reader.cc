#include "server/pack/pack_reader.h"

#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {

PackReader::PackReader(std::unique_ptr<File> file, const PackIdentity& identity,
                       absl::string_view path)
    : file_(std::move(file)), identity_(identity), path_(path) {}

absl::StatusOr<std::unique_ptr<PackReader>> PackReader::Open(
    FileSystem& fs, absl::string_view path, const VaultId& vault,
    const PackId& pack) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForRead(path));
  std::string header(kPackHeaderBytes, '\0');
  NS_ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, AsMutableBytes(header)));
  absl::StatusOr<PackIdentity> identity =
      DecodePackHeader(AsBytes(header).first(got));
  if (!identity.ok()) return Annotate(identity.status(), path);
  if (identity->vault != vault || identity->pack != pack) {
    return absl::DataLossError(
        absl::StrCat(path, " is pack ", identity->pack.Hex(), " of vault ",
                     identity->vault.Hex(), ", expected was pack ", pack.Hex(),
                     " of vault ", vault.Hex()));
  }
  return std::unique_ptr<PackReader>(
      new PackReader(std::move(file), *identity, path));
}

absl::StatusOr<std::string> PackReader::ReadObject(uint64_t offset,
                                                   uint32_t length) const {
  if (length > kMaxObjectBytes || offset > kMaxPackBytes) {
    return absl::DataLossError(absl::StrCat(path_, " cannot have an object of ",
                                            length, " bytes at ", offset));
  }
  absl::StatusOr<std::string> bytes = ReadExactly(*file_, offset, length);
  if (absl::IsDataLoss(bytes.status())) {
    return Annotate(bytes.status(), path_);
  }
  return bytes;
}

}  // namespace nightsafe
