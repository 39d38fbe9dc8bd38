// Reads objects of one pack, open or finished.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/pack/format.h"

namespace nightsafe {

// Thread-safe; reads may run concurrently with a writer of the same pack.
class PackReader {
 public:
  // NOT_FOUND, UNAVAILABLE. The pack's header is not looked at: an object is
  // proved by its id, and must not be lost with the header.
  static absl::StatusOr<std::unique_ptr<PackReader>> Open(
      FileSystem& fs, absl::string_view path);

  // The bytes as stored: whether they are the object is for the caller to see
  // from their hash. DATA_LOSS: the file ends before. UNAVAILABLE: cannot be
  // read now, which says nothing about the object.
  absl::StatusOr<std::string> ReadObject(uint64_t offset,
                                         uint32_t length) const;

  // So that the next reads come from the disk.
  void DropCache() const { file_->DropCache(); }
  const File& file() const { return *file_; }

 private:
  PackReader(std::unique_ptr<File> file, absl::string_view path);

  const std::unique_ptr<File> file_;
  const std::string path_;
};

}  // namespace nightsafe
