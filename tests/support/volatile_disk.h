// A file system over a real one that remembers what was not synced, so that a
// test can cut the power: what a disk need not have kept is then gone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"

namespace nightsafe {

// Thread-safe. The base must outlive it. Replace and Unlink count as durable at
// once: no file that matters goes through them.
class VolatileDisk final : public FileSystem {
 public:
  explicit VolatileDisk(FileSystem& base) : base_(base) {}

  // Of each file a random number of its last unsynced writes is undone, and of
  // the creations and renames that no SyncDirectory covered, a random number
  // of the last ones. No file may be open. Returns how many changes were lost.
  uint64_t CutPower(std::mt19937& random);

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
  friend class VolatileFile;
  // One write: what was there before.
  struct Undo {
    uint64_t offset = 0;
    std::string bytes;
    uint64_t size = 0;
  };
  // Follows the file through renames.
  struct Node {
    std::string path;
    std::vector<Undo> unsynced;
  };
  struct NameChange {
    std::string from;  // empty: created
    std::string to;
    std::set<std::string> unsynced_directories;
  };

  std::shared_ptr<Node> NodeOf(absl::string_view path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UndoName(const NameChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem& base_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Node>> nodes_ ABSL_GUARDED_BY(mutex_);
  std::vector<NameChange> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
