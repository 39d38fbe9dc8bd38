// The seam between Nightsafe and a disk: everything that must survive a crash
// goes through it, so that a fault-injecting one can take its place. The only
// fsync and rename of the project are behind it.
//
// Errors: NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED (no
// space, quota, file-size limit), UNAVAILABLE (EIO and all else); the message
// names the path and the system's reason. Paths are bytes, taken as given.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"

namespace nightsafe {

// The bytes of a file, readable while this lives.
class FileView {
 public:
  virtual ~FileView() = default;
  virtual ByteView bytes() const = 0;
};

// An open file. Reads may run concurrently, and a sync beside a write: it
// covers the writes that had returned before it. Writes need one caller at a
// time, and so do syncs. Closing never syncs.
//
// After a failed WriteAt or SyncData nothing written since the last successful
// SyncData may be believed, and a later SyncData that succeeds proves nothing.
class File {
 public:
  virtual ~File() = default;

  // Up to out.size() bytes from `offset`; fewer only at the end of the file.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                        MutableBytes out) const = 0;
  // All of `bytes` at `offset`, or an error with any part of them written.
  virtual absl::Status WriteAt(uint64_t offset, ByteView bytes) = 0;
  // The durability point of a file: data and length are on the disk.
  virtual absl::Status SyncData() = 0;
  // Starts write-back of the range and does not wait. A hint.
  virtual void StartWriteback(uint64_t offset, uint64_t length) = 0;
  // Reserves blocks up to `length` and makes the file that long (zeroes).
  virtual absl::Status Allocate(uint64_t length) = 0;
  virtual absl::StatusOr<uint64_t> Size() const = 0;
  // The whole file, in memory or mapped. Where a mapped page cannot be read the
  // program ends with SIGBUS, so read all with ReadAt before.
  virtual absl::StatusOr<std::unique_ptr<FileView>> View() const;
  // Drops clean cached pages, so that the next reads come from the disk.
  virtual void DropCache() const = 0;
};

// Holds an exclusive advisory lock until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct FileInfo {
  uint64_t size_bytes = 0;
  bool is_directory = false;
};

struct SpaceInfo {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;
};

// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      absl::string_view path) = 0;
  // Opens an existing file for reading and writing.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      absl::string_view path) = 0;
  // Makes a new, empty file; ALREADY_EXISTS if there is any.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(absl::string_view path,
                                                       mode_t mode) = 0;
  // Atomic within one file system; durable after SyncDirectory of both parents.
  // Never replaces: ALREADY_EXISTS if `to` exists.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;
  // As Rename, but replaces a file.
  virtual absl::Status Replace(absl::string_view from,
                               absl::string_view to) = 0;
  virtual absl::Status Unlink(absl::string_view path) = 0;
  // OK also if the directory is there already. The parent must exist.
  virtual absl::Status MakeDirectory(absl::string_view path, mode_t mode) = 0;
  // The durability point of creations, renames and unlinks in a directory.
  virtual absl::Status SyncDirectory(absl::string_view path) = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(
      absl::string_view path) = 0;
  virtual absl::StatusOr<FileInfo> Stat(absl::string_view path) = 0;
  virtual absl::StatusOr<SpaceInfo> Space(absl::string_view path) = 0;
  // Creates `path` if need be and locks it. FAILED_PRECONDITION if another
  // process (or another lock of this one) holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) = 0;
};

// The real one.
std::unique_ptr<FileSystem> NewPosixFileSystem();

// The real one, for paths below `root` alone, where somebody else may write who
// is not trusted: no symbolic link below `root` is followed, neither one at the
// end of a path, only regular files are opened, and a directory that was used
// once stays that one, whatever is renamed to its place. All else is
// PERMISSION_DENIED. Holds one descriptor for each directory used.
absl::StatusOr<std::unique_ptr<FileSystem>> NewConfinedFileSystem(
    absl::string_view root);

}  // namespace nightsafe
