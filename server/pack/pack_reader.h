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
  // NOT_FOUND, UNAVAILABLE; DATA_LOSS: its header is damaged, or of another
  // pack or vault.
  static absl::StatusOr<std::unique_ptr<PackReader>> Open(
      FileSystem& fs, absl::string_view path, const VaultId& vault,
      const PackId& pack);

  // The bytes as stored: whether they are the object is for the caller to see
  // from their hash. DATA_LOSS: the file ends before. UNAVAILABLE: cannot be
  // read now, which says nothing about the object.
  absl::StatusOr<std::string> ReadObject(uint64_t offset,
                                         uint32_t length) const;

  // So that the next reads come from the disk.
  void DropCache() const { file_->DropCache(); }
  const PackIdentity& identity() const { return identity_; }
  const File& file() const { return *file_; }

 private:
  PackReader(std::unique_ptr<File> file, const PackIdentity& identity,
             absl::string_view path);

  const std::unique_ptr<File> file_;
  const PackIdentity identity_;
  const std::string path_;
};

}  // namespace nightsafe
