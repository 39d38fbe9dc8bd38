#include "server/metrics/disk_errors.h"

namespace nightsafe {
namespace {

bool IsAnswer(const absl::Status& status) {
  return status.ok() || absl::IsNotFound(status) ||
         absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status) ||
         absl::IsPermissionDenied(status);
}

absl::Status Count(absl::Status status, std::atomic<uint64_t>& errors) {
  if (!IsAnswer(status)) errors.fetch_add(1);
  return status;
}

template <typename T>
absl::StatusOr<T> Count(absl::StatusOr<T> result,
                        std::atomic<uint64_t>& errors) {
  if (!IsAnswer(result.status())) errors.fetch_add(1);
  return result;
}

class CountedFile final : public File {
 public:
  CountedFile(std::unique_ptr<File> base, DiskErrors& errors)
      : base_(std::move(base)), errors_(errors) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    return Count(base_->ReadAt(offset, out), errors_.reads);
  }
  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    return Count(base_->WriteAt(offset, bytes), errors_.writes);
  }
  absl::Status SyncData() override {
    return Count(base_->SyncData(), errors_.syncs);
  }
  void StartWriteback(uint64_t offset, uint64_t length) override {
    base_->StartWriteback(offset, length);
  }
  absl::Status Allocate(uint64_t length) override {
    return Count(base_->Allocate(length), errors_.writes);
  }
  absl::StatusOr<uint64_t> Size() const override {
    return Count(base_->Size(), errors_.reads);
  }
  void DropCache() const override { base_->DropCache(); }

 private:
  const std::unique_ptr<File> base_;
  DiskErrors& errors_;
};

class CountedFileSystem final : public FileSystem {
 public:
  CountedFileSystem(FileSystem& base, DiskErrors& errors)
      : base_(base), errors_(errors) {}

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      absl::string_view path) override {
    return Wrap(Count(base_.OpenForRead(path), errors_.reads));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      absl::string_view path) override {
    return Wrap(Count(base_.OpenForWrite(path), errors_.writes));
  }
  absl::StatusOr<std::unique_ptr<File>> Create(absl::string_view path,
                                               mode_t mode) override {
    return Wrap(Count(base_.Create(path, mode), errors_.writes));
  }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    return Count(base_.Rename(from, to), errors_.writes);
  }
  absl::Status Replace(absl::string_view from, absl::string_view to) override {
    return Count(base_.Replace(from, to), errors_.writes);
  }
  absl::Status Unlink(absl::string_view path) override {
    return Count(base_.Unlink(path), errors_.writes);
  }
  absl::Status MakeDirectory(absl::string_view path, mode_t mode) override {
    return Count(base_.MakeDirectory(path, mode), errors_.writes);
  }
  absl::Status SyncDirectory(absl::string_view path) override {
    return Count(base_.SyncDirectory(path), errors_.syncs);
  }
  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view path) override {
    return Count(base_.List(path), errors_.reads);
  }
  absl::StatusOr<FileInfo> Stat(absl::string_view path) override {
    return Count(base_.Stat(path), errors_.reads);
  }
  absl::StatusOr<SpaceInfo> Space(absl::string_view path) override {
    return Count(base_.Space(path), errors_.reads);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) override {
    return base_.Lock(path);
  }

 private:
  absl::StatusOr<std::unique_ptr<File>> Wrap(
      absl::StatusOr<std::unique_ptr<File>> file) {
    if (!file.ok()) return file;
    return std::unique_ptr<File>(
        std::make_unique<CountedFile>(*std::move(file), errors_));
  }

  FileSystem& base_;
  DiskErrors& errors_;
};

}  // namespace

std::unique_ptr<FileSystem> CountDiskErrors(FileSystem& base,
                                            DiskErrors& errors) {
  return std::make_unique<CountedFileSystem>(base, errors);
}

}  // namespace nightsafe
