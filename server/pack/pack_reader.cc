#include "server/pack/pack_reader.h"

#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {

PackReader::PackReader(std::unique_ptr<File> file, absl::string_view path)
    : file_(std::move(file)), path_(path) {}

absl::StatusOr<std::unique_ptr<PackReader>> PackReader::Open(
    FileSystem& fs, absl::string_view path) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForRead(path));
  return std::unique_ptr<PackReader>(new PackReader(std::move(file), path));
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
