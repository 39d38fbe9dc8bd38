#include "tests/support/volatile_disk.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {

class VolatileFile final : public File {
 public:
  VolatileFile(VolatileDisk& disk, std::shared_ptr<VolatileDisk::Node> node,
               std::unique_ptr<File> base)
      : disk_(disk), node_(std::move(node)), base_(std::move(base)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    return base_->ReadAt(offset, out);
  }
  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    NS_RETURN_IF_ERROR(Remember(offset, bytes.size()));
    return base_->WriteAt(offset, bytes);
  }
  absl::Status SyncData() override {
    absl::MutexLock lock(&disk_.mutex_);
    node_->unsynced.clear();
    return absl::OkStatus();
  }
  void StartWriteback(uint64_t, uint64_t) override {}
  absl::Status Allocate(uint64_t length) override {
    NS_RETURN_IF_ERROR(Remember(0, 0));
    return base_->Allocate(length);
  }
  absl::StatusOr<uint64_t> Size() const override { return base_->Size(); }
  void DropCache() const override {}

 private:
  absl::Status Remember(uint64_t offset, size_t length) {
    NS_ASSIGN_OR_RETURN(uint64_t size, base_->Size());
    VolatileDisk::Undo undo{
        .offset = offset, .bytes = std::string(length, '\0'), .size = size};
    NS_ASSIGN_OR_RETURN(size_t got,
                        base_->ReadAt(offset, AsMutableBytes(undo.bytes)));
    undo.bytes.resize(got);
    absl::MutexLock lock(&disk_.mutex_);
    node_->unsynced.push_back(std::move(undo));
    return absl::OkStatus();
  }

  VolatileDisk& disk_;
  const std::shared_ptr<VolatileDisk::Node> node_;
  const std::unique_ptr<File> base_;
};

std::shared_ptr<VolatileDisk::Node> VolatileDisk::NodeOf(
    absl::string_view path) {
  std::shared_ptr<Node>& node = nodes_[std::string(path)];
  if (node == nullptr) node = std::make_shared<Node>();
  node->path = std::string(path);
  return node;
}

uint64_t VolatileDisk::CutPower(std::mt19937& random) {
  absl::MutexLock lock(&mutex_);
  uint64_t lost = 0;
  for (const auto& [path, node] : nodes_) {
    size_t count =
        node->unsynced.empty() ? 0 : random() % (node->unsynced.size() + 1);
    lost += count;
    for (; count > 0; --count) {
      const Undo& undo = node->unsynced.back();
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(undo.offset));
      file.write(undo.bytes.data(),
                 static_cast<std::streamsize>(undo.bytes.size()));
      file.close();
      std::filesystem::resize_file(path, undo.size);
      node->unsynced.pop_back();
    }
  }
  size_t count = names_.empty() ? 0 : random() % (names_.size() + 1);
  lost += count;
  for (; count > 0; --count) {
    UndoName(names_.back());
    names_.pop_back();
  }
  nodes_.clear();
  names_.clear();
  return lost;
}

void VolatileDisk::UndoName(const NameChange& change) {
  if (change.from.empty()) {
    std::filesystem::remove(change.to);
  } else if (std::filesystem::exists(change.to)) {
    std::filesystem::rename(change.to, change.from);
  }
}

absl::StatusOr<std::unique_ptr<File>> VolatileDisk::OpenForRead(
    absl::string_view path) {
  return base_.OpenForRead(path);
}

absl::StatusOr<std::unique_ptr<File>> VolatileDisk::OpenForWrite(
    absl::string_view path) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, base_.OpenForWrite(path));
  absl::MutexLock lock(&mutex_);
  return std::make_unique<VolatileFile>(*this, NodeOf(path), std::move(file));
}

absl::StatusOr<std::unique_ptr<File>> VolatileDisk::Create(
    absl::string_view path, mode_t mode) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, base_.Create(path, mode));
  absl::MutexLock lock(&mutex_);
  names_.push_back({.to = std::string(path),
                    .unsynced_directories = {std::string(DirectoryOf(path))}});
  return std::make_unique<VolatileFile>(*this, NodeOf(path), std::move(file));
}

absl::Status VolatileDisk::Rename(absl::string_view from,
                                  absl::string_view to) {
  absl::MutexLock lock(&mutex_);
  NS_RETURN_IF_ERROR(base_.Rename(from, to));
  auto node = nodes_.extract(std::string(from));
  if (!node.empty()) {
    node.key() = std::string(to);
    node.mapped()->path = std::string(to);
    nodes_.insert(std::move(node));
  }
  names_.push_back({.from = std::string(from),
                    .to = std::string(to),
                    .unsynced_directories = {std::string(DirectoryOf(from)),
                                             std::string(DirectoryOf(to))}});
  return absl::OkStatus();
}

absl::Status VolatileDisk::Replace(absl::string_view from,
                                   absl::string_view to) {
  return base_.Replace(from, to);
}

absl::Status VolatileDisk::Unlink(absl::string_view path) {
  return base_.Unlink(path);
}

absl::Status VolatileDisk::MakeDirectory(absl::string_view path, mode_t mode) {
  return base_.MakeDirectory(path, mode);
}

absl::Status VolatileDisk::SyncDirectory(absl::string_view path) {
  absl::MutexLock lock(&mutex_);
  for (NameChange& change : names_) {
    change.unsynced_directories.erase(std::string(path));
  }
  std::erase_if(names_, [](const NameChange& change) {
    return change.unsynced_directories.empty();
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> VolatileDisk::List(
    absl::string_view path) {
  return base_.List(path);
}

absl::StatusOr<FileInfo> VolatileDisk::Stat(absl::string_view path) {
  return base_.Stat(path);
}

absl::StatusOr<SpaceInfo> VolatileDisk::Space(absl::string_view path) {
  return base_.Space(path);
}

absl::StatusOr<std::unique_ptr<FileLock>> VolatileDisk::Lock(
    absl::string_view path) {
  return base_.Lock(path);
}

}  // namespace nightsafe
