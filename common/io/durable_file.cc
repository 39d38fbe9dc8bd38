#include "common/io/durable_file.h"

#include <unistd.h>

#include <atomic>

#include "common/base/kill_point.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

// Unique within this process; a stale one of a dead process is replaced.
std::string TemporaryPath(absl::string_view path) {
  static std::atomic<uint64_t> counter{0};
  return absl::StrCat(path, ".tmp.", ::getpid(), ".", counter.fetch_add(1));
}

absl::Status WriteTemporary(FileSystem& fs, absl::string_view path,
                            ByteView bytes, mode_t mode) {
  absl::StatusOr<std::unique_ptr<File>> made = fs.Create(path, mode);
  if (absl::IsAlreadyExists(made.status())) {
    // In a container every run may have the same process id.
    NS_RETURN_IF_ERROR(fs.Unlink(path));
    made = fs.Create(path, mode);
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, std::move(made));
  NS_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  return file->SyncData();
}

absl::Status WriteDurably(FileSystem& fs, absl::string_view path,
                          ByteView bytes, mode_t mode, bool replace) {
  const std::string temporary = TemporaryPath(path);
  absl::Status status = WriteTemporary(fs, temporary, bytes, mode);
  NS_KILL_POINT("file.temporary-written");
  if (status.ok()) {
    status = replace ? fs.Replace(temporary, path) : fs.Rename(temporary, path);
  }
  if (!status.ok()) {
    fs.Unlink(temporary).IgnoreError();  // the first error is the one to tell
    return status;
  }
  NS_KILL_POINT("file.renamed");
  return fs.SyncDirectory(DirectoryOf(path));
}

}  // namespace

absl::string_view DirectoryOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

absl::Status WriteFileDurably(FileSystem& fs, absl::string_view path,
                              ByteView bytes, mode_t mode) {
  return WriteDurably(fs, path, bytes, mode, /*replace=*/true);
}

absl::Status CreateFileDurably(FileSystem& fs, absl::string_view path,
                               ByteView bytes, mode_t mode) {
  return WriteDurably(fs, path, bytes, mode, /*replace=*/false);
}

absl::StatusOr<std::string> ReadExactly(const File& file, uint64_t offset,
                                        size_t length) {
  std::string bytes(length, '\0');
  NS_ASSIGN_OR_RETURN(size_t got, file.ReadAt(offset, AsMutableBytes(bytes)));
  if (got != length) {
    return absl::DataLossError(absl::StrCat("file ends at ", offset + got, ", ",
                                            offset + length,
                                            " bytes were expected"));
  }
  return bytes;
}

absl::StatusOr<std::string> ReadWholeFile(FileSystem& fs,
                                          absl::string_view path,
                                          uint64_t limit_bytes) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForRead(path));
  NS_ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > limit_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        path, " has ", size, " bytes, the limit is ", limit_bytes));
  }
  absl::StatusOr<std::string> bytes =
      ReadExactly(*file, 0, static_cast<size_t>(size));
  if (!bytes.ok()) return Annotate(bytes.status(), path);
  return bytes;
}

absl::Status MakeDirectoriesDurably(FileSystem& fs, absl::string_view path,
                                    mode_t mode) {
  const absl::string_view parent = DirectoryOf(path);
  const absl::Status found = fs.Stat(path).status();
  if (found.ok()) {
    // Whoever made it may have been killed before this.
    const absl::Status synced = fs.SyncDirectory(parent);
    // Where we may not look, we made nothing.
    return absl::IsPermissionDenied(synced) ? absl::OkStatus() : synced;
  }
  if (!absl::IsNotFound(found) || parent == path) return found;
  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, parent, mode));
  NS_RETURN_IF_ERROR(fs.MakeDirectory(path, mode));
  return fs.SyncDirectory(parent);
}

}  // namespace nightsafe
