// A disk in memory that forgets what a real one may forget, so that a test can
// cut the power at any call and look at many of the disks that may be left.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"
#include "tests/support/faulty_file_system.h"

namespace nightsafe {

// Thread-safe. Files and locks must not outlive it.
//
// After a power cut
// * a file has, of each 512-byte sector of its unsynced 4 KiB blocks, any of
//   the versions since the last SyncData, or the one of that sync; its length
//   likewise, independent of the data, with zeroes where no data is;
// * each name has any of its meanings since the last SyncDirectory, alone, with
//   one exception: a rename that took the old name away has made the new one.
// A SyncData that fails leaves a random part of the blocks on the disk and the
// others clean: no later SyncData writes them, DropCache brings the old ones
// back.
class SimDisk final : public FileSystem {
 public:
  // Called before each call takes effect, without a lock held; reads (open,
  // list and stat among them) are kRead. An error is what the call returns,
  // nothing done but for a random part of a write.
  using Observer =
      std::function<absl::Status(FileOperation operation, absl::string_view)>;
  // A defect that a program on this disk might have: matching syncs report
  // success and do nothing, or are done late.
  struct Defect {
    FileOperation operation = FileOperation::kSync;  // or kSyncDirectory
    std::string path_contains;
    // Done right before the next mutating call on a path that contains this,
    // other than of a path that the defect is for; nothing: never.
    std::optional<std::string> until;
  };

  // A file or a directory, whatever it is called; and one of its names.
  struct Node;
  struct Name;

  explicit SimDisk(uint64_t seed = 1);
  ~SimDisk() override;

  void Observe(Observer observer);
  void Plant(const Defect& defect);
  // Below paths that contain this, a SyncData also syncs the names of the
  // file's directory, as the journals of ext4, XFS and btrfs do and as RocksDB
  // relies on. Nightsafe's own files must do without.
  void SyncNamesWithData(absl::string_view path_contains);

  // What a start may find if the power fails now. Defects are inherited, the
  // observer is not. `lost`, if any, gets the unsynced changes that are not on
  // it.
  std::unique_ptr<SimDisk> AfterPowerCut(std::mt19937_64& random,
                                         uint64_t* lost = nullptr) const;
  // The same after kill -9: the page cache survives, still not synced.
  std::unique_ptr<SimDisk> AfterKill() const;

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
  friend class SimFile;
  friend class SimLock;
  using NodePtr = std::shared_ptr<Node>;

  absl::Status Before(FileOperation operation, absl::string_view path)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether a defect takes that sync away. `sync` is done late, if at all.
  bool IsTaken(FileOperation operation, absl::string_view path,
               std::function<void()> sync) ABSL_LOCKS_EXCLUDED(mutex_);
  NodePtr Find(absl::string_view path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The directory that holds `path`, and the last part of it.
  absl::StatusOr<std::pair<NodePtr, std::string>> Parent(
      absl::string_view path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<File>> OpenFile(absl::string_view path);
  absl::Status Move(absl::string_view from, absl::string_view to, bool replace)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncFile(Node& file, absl::string_view path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SyncNames(Node& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  NodePtr root_ ABSL_GUARDED_BY(mutex_);
  uint64_t renames_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> locks_ ABSL_GUARDED_BY(mutex_);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Observer> observer_ ABSL_GUARDED_BY(mutex_);
  std::vector<Defect> defects_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::string> names_with_data_ ABSL_GUARDED_BY(mutex_);
  struct LateSync {
    Defect defect;
    std::function<void()> sync;
  };
  std::vector<LateSync> late_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
