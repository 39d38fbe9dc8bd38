// A file system over a real one, whose calls fail when a test says so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"

namespace nightsafe {

// Calls that change something or make a change durable, and reads.
enum class FileOperation {
  kWrite,
  kSync,
  kAllocate,
  kCreate,
  kRename,
  kReplace,
  kUnlink,
  kMakeDirectory,
  kSyncDirectory,
  kRead,  // counted apart: not a mutating call
};

struct Fault {
  absl::Status status;
  // Matching calls to let through first.
  uint64_t after = 0;
  // Only calls of this kind; nothing: all mutating ones.
  std::optional<FileOperation> operation;
  // Only paths that contain this.
  std::string path_contains;
  // Fails every matching call from then on, not only one: a dying disk.
  bool sticky = false;
  // A failing write leaves its first half behind; otherwise nothing.
  bool partial = true;
};

// Thread-safe. The base must outlive it; files it opened must not outlive it.
class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(FileSystem& base) : base_(base) {}

  // Faults stand side by side, each with a count of its own.
  void Inject(Fault fault);
  // Fails the call after the next `after` mutating ones.
  void FailMutatingCall(uint64_t after, absl::Status status,
                        bool sticky = false);
  // No faults any more.
  void Heal();
  // Mutating calls so far, failed ones included.
  uint64_t mutating_calls() const;
  uint64_t calls(FileOperation operation) const;
  // The path of the last call that failed; for the sync of a directory, of the
  // name that was made before it. Empty: none failed.
  std::string last_hit() const;

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<File>> Create(absl::string_view path,
                                               mode_t mode) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status Replace(absl::string_view from, absl::string_view to) override;
  absl::Status Unlink(absl::string_view path) override;
  absl::Status MakeDirectory(absl::string_view path, mode_t mode) override;
  absl::Status SyncDirectory(absl::string_view path) override;
  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view path) override;
  absl::StatusOr<FileInfo> Stat(absl::string_view path) override;
  absl::StatusOr<SpaceInfo> Space(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) override;

 private:
  friend class FaultyFile;
  // The fault that hits this call, if any; counts the call.
  std::optional<Fault> Hit(FileOperation operation, absl::string_view path);

  FileSystem& base_;
  mutable absl::Mutex mutex_;
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::string last_hit_ ABSL_GUARDED_BY(mutex_);
  std::string last_name_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> counts_ ABSL_GUARDED_BY(mutex_) =
      std::vector<uint64_t>(static_cast<size_t>(FileOperation::kRead) + 1);
};

}  // namespace nightsafe
