#include "tests/support/faulty_file_system.h"

#include <numeric>

#include "common/base/status.h"

namespace nightsafe {

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem& fs, absl::string_view path,
             std::unique_ptr<File> base)
      : fs_(fs), path_(path), base_(std::move(base)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    if (auto fault = fs_.Hit(FileOperation::kRead, path_)) return fault->status;
    return base_->ReadAt(offset, out);
  }
  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    auto fault = fs_.Hit(FileOperation::kWrite, path_);
    if (!fault) return base_->WriteAt(offset, bytes);
    if (fault->partial) {
      NS_RETURN_IF_ERROR(base_->WriteAt(offset, bytes.first(bytes.size() / 2)));
    }
    return fault->status;
  }
  absl::Status SyncData() override {
    if (auto fault = fs_.Hit(FileOperation::kSync, path_)) return fault->status;
    return base_->SyncData();
  }
  void StartWriteback(uint64_t offset, uint64_t length) override {
    base_->StartWriteback(offset, length);
  }
  absl::Status Allocate(uint64_t length) override {
    if (auto fault = fs_.Hit(FileOperation::kAllocate, path_)) {
      return fault->status;
    }
    return base_->Allocate(length);
  }
  absl::StatusOr<uint64_t> Size() const override { return base_->Size(); }
  void DropCache() const override { base_->DropCache(); }

 private:
  FaultyFileSystem& fs_;
  const std::string path_;
  const std::unique_ptr<File> base_;
};

namespace {

absl::StatusOr<std::unique_ptr<File>> Wrap(
    FaultyFileSystem& fs, absl::string_view path,
    absl::StatusOr<std::unique_ptr<File>> file) {
  if (!file.ok()) return file.status();
  return std::make_unique<FaultyFile>(fs, path, *std::move(file));
}

}  // namespace

void FaultyFileSystem::Inject(Fault fault) {
  absl::MutexLock lock(&mutex_);
  faults_.push_back(std::move(fault));
}

void FaultyFileSystem::FailMutatingCall(uint64_t after, absl::Status status,
                                        bool sticky) {
  Inject({.status = std::move(status), .after = after, .sticky = sticky});
}

void FaultyFileSystem::Heal() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
}

uint64_t FaultyFileSystem::mutating_calls() const {
  absl::MutexLock lock(&mutex_);
  return std::accumulate(counts_.begin(), counts_.end() - 1, uint64_t{0});
}

uint64_t FaultyFileSystem::calls(FileOperation operation) const {
  absl::MutexLock lock(&mutex_);
  return counts_[static_cast<size_t>(operation)];
}

std::string FaultyFileSystem::last_hit() const {
  absl::MutexLock lock(&mutex_);
  return last_hit_;
}

std::optional<Fault> FaultyFileSystem::Hit(FileOperation operation,
                                           absl::string_view path) {
  absl::MutexLock lock(&mutex_);
  ++counts_[static_cast<size_t>(operation)];
  std::optional<Fault> hit;
  for (auto fault = faults_.begin(); fault != faults_.end();) {
    const bool matches =
        (fault->operation ? *fault->operation == operation
                          : operation != FileOperation::kRead) &&
        path.find(fault->path_contains) != absl::string_view::npos;
    if (!matches || fault->after > 0) {
      if (matches) --fault->after;
      ++fault;
      continue;
    }
    if (!hit) hit = *fault;
    fault = fault->sticky ? fault + 1 : faults_.erase(fault);
  }
  if (operation == FileOperation::kCreate ||
      operation == FileOperation::kRename ||
      operation == FileOperation::kReplace) {
    last_name_ = std::string(path);
  }
  if (hit) {
    last_hit_ = operation == FileOperation::kSyncDirectory ? last_name_
                                                           : std::string(path);
  }
  return hit;
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenForRead(
    absl::string_view path) {
  return Wrap(*this, path, base_.OpenForRead(path));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenForWrite(
    absl::string_view path) {
  return Wrap(*this, path, base_.OpenForWrite(path));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Create(
    absl::string_view path, mode_t mode) {
  if (auto fault = Hit(FileOperation::kCreate, path)) return fault->status;
  return Wrap(*this, path, base_.Create(path, mode));
}

absl::Status FaultyFileSystem::Rename(absl::string_view from,
                                      absl::string_view to) {
  if (auto fault = Hit(FileOperation::kRename, to)) return fault->status;
  return base_.Rename(from, to);
}

absl::Status FaultyFileSystem::Replace(absl::string_view from,
                                       absl::string_view to) {
  if (auto fault = Hit(FileOperation::kReplace, to)) return fault->status;
  return base_.Replace(from, to);
}

absl::Status FaultyFileSystem::Unlink(absl::string_view path) {
  if (auto fault = Hit(FileOperation::kUnlink, path)) return fault->status;
  return base_.Unlink(path);
}

absl::Status FaultyFileSystem::MakeDirectory(absl::string_view path,
                                             mode_t mode) {
  if (auto fault = Hit(FileOperation::kMakeDirectory, path)) {
    return fault->status;
  }
  return base_.MakeDirectory(path, mode);
}

absl::Status FaultyFileSystem::SyncDirectory(absl::string_view path) {
  if (auto fault = Hit(FileOperation::kSyncDirectory, path)) {
    return fault->status;
  }
  return base_.SyncDirectory(path);
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(
    absl::string_view path) {
  return base_.List(path);
}

absl::StatusOr<FileInfo> FaultyFileSystem::Stat(absl::string_view path) {
  return base_.Stat(path);
}

absl::StatusOr<SpaceInfo> FaultyFileSystem::Space(absl::string_view path) {
  return base_.Space(path);
}

absl::StatusOr<std::unique_ptr<FileLock>> FaultyFileSystem::Lock(
    absl::string_view path) {
  return base_.Lock(path);
}

}  // namespace nightsafe
