// Files that lie in memory, for targets that decode more than one.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/io/file_system.h"

namespace nightsafe {

class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::shared_ptr<std::string> bytes)
      : bytes_(std::move(bytes)) {}
  explicit MemoryFile(const std::string& bytes)
      : MemoryFile(std::make_shared<std::string>(bytes)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    const size_t begin = std::min<size_t>(offset, bytes_->size());
    const size_t size = std::min(out.size(), bytes_->size() - begin);
    std::copy_n(AsBytes(*bytes_).begin() + static_cast<ptrdiff_t>(begin), size,
                out.begin());
    return size;
  }
  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    bytes_->resize(std::max<size_t>(bytes_->size(), offset + bytes.size()));
    bytes_->replace(offset, bytes.size(), AsText(bytes).data(), bytes.size());
    return absl::OkStatus();
  }
  absl::Status SyncData() override { return absl::OkStatus(); }
  void StartWriteback(uint64_t, uint64_t) override {}
  absl::Status Allocate(uint64_t length) override {
    bytes_->resize(std::max<size_t>(bytes_->size(), length));
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size() const override { return bytes_->size(); }
  void DropCache() const override {}

 private:
  const std::shared_ptr<std::string> bytes_;
};

// Files have full paths; directories are what their paths say. Names do not
// change.
class MemoryFileSystem final : public FileSystem {
 public:
  void Add(absl::string_view path, std::string bytes) {
    files_[std::string(path)] = std::make_shared<std::string>(std::move(bytes));
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      absl::string_view path) override {
    const auto found = files_.find(std::string(path));
    if (found == files_.end()) return Missing(path);
    return std::make_unique<MemoryFile>(found->second);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      absl::string_view path) override {
    return OpenForRead(path);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(absl::string_view path,
                                               mode_t) override {
    Add(path, "");
    return OpenForRead(path);
  }
  absl::Status Rename(absl::string_view, absl::string_view) override {
    return NoChange();
  }
  absl::Status Replace(absl::string_view, absl::string_view) override {
    return NoChange();
  }
  absl::Status Unlink(absl::string_view) override { return NoChange(); }
  absl::Status MakeDirectory(absl::string_view, mode_t) override {
    return NoChange();
  }
  absl::Status SyncDirectory(absl::string_view) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view path) override {
    const std::string prefix = absl::StrCat(path, "/");
    std::vector<std::string> names;
    for (const auto& [file, bytes] : files_) {
      absl::string_view name = file;
      if (absl::ConsumePrefix(&name, prefix)) names.emplace_back(name);
    }
    return names;
  }
  absl::StatusOr<FileInfo> Stat(absl::string_view path) override {
    const auto found = files_.find(std::string(path));
    if (found == files_.end()) return Missing(path);
    return FileInfo{.size_bytes = found->second->size()};
  }
  absl::StatusOr<SpaceInfo> Space(absl::string_view) override {
    return SpaceInfo{};
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view) override {
    return NoChange();
  }

 private:
  static absl::Status NoChange() {
    return absl::UnavailableError("names do not change here");
  }
  static absl::Status Missing(absl::string_view path) {
    return absl::NotFoundError(absl::StrCat("there is no ", path));
  }
  std::map<std::string, std::shared_ptr<std::string>> files_;
};

}  // namespace nightsafe
