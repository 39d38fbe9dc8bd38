#include "tests/support/sim_disk.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "tests/support/sim_disk_node.h"

namespace nightsafe {
namespace {

absl::Status NoSuch(absl::string_view path) {
  return absl::NotFoundError(absl::StrCat(path, ": no such file"));
}

}  // namespace

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDisk::Node> node,
          absl::string_view path)
      : disk_(disk), node_(std::move(node)), path_(path) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    NS_RETURN_IF_ERROR(disk_.Before(FileOperation::kRead, path_));
    absl::MutexLock lock(&disk_.mutex_);
    return node_->Read(offset, out);
  }
  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    const absl::Status status = disk_.Before(FileOperation::kWrite, path_);
    absl::MutexLock lock(&disk_.mutex_);
    if (!status.ok() && !bytes.empty()) {
      bytes = bytes.first(disk_.random_() % bytes.size());
    }
    node_->Write(offset, bytes);
    return status;
  }
  absl::Status SyncData() override {
    const absl::Status status = disk_.Before(FileOperation::kSync, path_);
    if (status.ok() && disk_.IsTaken(FileOperation::kSync, path_,
                                     [node = node_] { node->Sync(); })) {
      return absl::OkStatus();
    }
    absl::MutexLock lock(&disk_.mutex_);
    if (status.ok()) {
      disk_.SyncFile(*node_, path_);
    } else {
      node_->FailSync(disk_.random_);
    }
    return status;
  }
  void StartWriteback(uint64_t, uint64_t) override {}
  absl::Status Allocate(uint64_t length) override {
    NS_RETURN_IF_ERROR(disk_.Before(FileOperation::kAllocate, path_));
    absl::MutexLock lock(&disk_.mutex_);
    node_->Grow(length);
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size() const override {
    absl::MutexLock lock(&disk_.mutex_);
    return node_->size;
  }
  void DropCache() const override {
    absl::MutexLock lock(&disk_.mutex_);
    node_->DropCache();
  }

 private:
  SimDisk& disk_;
  const std::shared_ptr<SimDisk::Node> node_;
  const std::string path_;
};

class SimLock final : public FileLock {
 public:
  SimLock(SimDisk& disk, absl::string_view path) : disk_(disk), path_(path) {}
  ~SimLock() override {
    absl::MutexLock lock(&disk_.mutex_);
    disk_.locks_.erase(path_);
  }

 private:
  SimDisk& disk_;
  const std::string path_;
};

SimDisk::SimDisk(uint64_t seed)
    : root_(std::make_shared<Node>()), random_(seed) {
  root_->is_directory = true;
}

SimDisk::~SimDisk() = default;

void SimDisk::Observe(Observer observer) {
  absl::MutexLock lock(&mutex_);
  observer_ = observer ? std::make_shared<Observer>(std::move(observer))
                       : std::shared_ptr<const Observer>();
}

void SimDisk::Plant(const Defect& defect) {
  absl::MutexLock lock(&mutex_);
  defects_.push_back(defect);
}

void SimDisk::SyncNamesWithData(absl::string_view path_contains) {
  absl::MutexLock lock(&mutex_);
  names_with_data_ = std::string(path_contains);
}

absl::Status SimDisk::Before(FileOperation operation, absl::string_view path) {
  std::shared_ptr<const Observer> observer;
  {
    absl::MutexLock lock(&mutex_);
    if (operation != FileOperation::kRead) {
      std::erase_if(late_, [&](const LateSync& late) {
        if (absl::StrContains(path, late.defect.path_contains) ||
            !absl::StrContains(path, *late.defect.until)) {
          return false;
        }
        late.sync();
        return true;
      });
    }
    observer = observer_;
  }
  return observer == nullptr ? absl::OkStatus() : (*observer)(operation, path);
}

bool SimDisk::IsTaken(FileOperation operation, absl::string_view path,
                      std::function<void()> sync) {
  absl::MutexLock lock(&mutex_);
  for (const Defect& defect : defects_) {
    if (defect.operation != operation ||
        !absl::StrContains(path, defect.path_contains)) {
      continue;
    }
    if (defect.until) late_.push_back({defect, std::move(sync)});
    return true;
  }
  return false;
}

SimDisk::NodePtr SimDisk::Find(absl::string_view path) const {
  NodePtr node = root_;
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (node == nullptr || !node->is_directory) return nullptr;
    const auto it = node->names.find(std::string(part));
    if (it == node->names.end()) return nullptr;
    node = it->second.now;
  }
  return node;
}

absl::StatusOr<std::pair<SimDisk::NodePtr, std::string>> SimDisk::Parent(
    absl::string_view path) const {
  const size_t slash = path.rfind('/');
  const size_t begin = slash == absl::string_view::npos ? 0 : slash + 1;
  NodePtr directory = Find(path.substr(0, begin));
  if (directory == nullptr || !directory->is_directory) return NoSuch(path);
  return std::pair(std::move(directory), std::string(path.substr(begin)));
}

absl::StatusOr<std::unique_ptr<File>> SimDisk::OpenFile(
    absl::string_view path) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kRead, path));
  absl::MutexLock lock(&mutex_);
  NodePtr node = Find(path);
  if (node == nullptr) return NoSuch(path);
  if (node->is_directory) {
    return absl::UnavailableError(absl::StrCat(path, " is a directory"));
  }
  return std::make_unique<SimFile>(*this, std::move(node), path);
}

absl::StatusOr<std::unique_ptr<File>> SimDisk::OpenForRead(
    absl::string_view path) {
  return OpenFile(path);
}

absl::StatusOr<std::unique_ptr<File>> SimDisk::OpenForWrite(
    absl::string_view path) {
  return OpenFile(path);
}

absl::StatusOr<std::unique_ptr<File>> SimDisk::Create(absl::string_view path,
                                                      mode_t) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kCreate, path));
  absl::MutexLock lock(&mutex_);
  NS_ASSIGN_OR_RETURN(auto place, Parent(path));
  Name& name = place.first->names[place.second];
  if (name.now != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": there is one"));
  }
  name.now = std::make_shared<Node>();
  name.unsynced.push_back({.node = name.now});
  return std::make_unique<SimFile>(*this, name.now, path);
}

absl::Status SimDisk::Rename(absl::string_view from, absl::string_view to) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kRename, to));
  return Move(from, to, /*replace=*/false);
}

absl::Status SimDisk::Replace(absl::string_view from, absl::string_view to) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kReplace, to));
  return Move(from, to, /*replace=*/true);
}

absl::Status SimDisk::Move(absl::string_view from, absl::string_view to,
                           bool replace) {
  absl::MutexLock lock(&mutex_);
  NS_ASSIGN_OR_RETURN(auto old_place, Parent(from));
  NS_ASSIGN_OR_RETURN(auto new_place, Parent(to));
  Name& old_name = old_place.first->names[old_place.second];
  if (old_name.now == nullptr) return NoSuch(from);
  Name& new_name = new_place.first->names[new_place.second];
  if (new_name.now != nullptr && !replace) {
    return absl::AlreadyExistsError(absl::StrCat(to, ": there is one"));
  }
  if (&old_name == &new_name) return absl::OkStatus();
  new_name.now = old_name.now;
  new_name.unsynced.push_back({.node = new_name.now, .rename = ++renames_});
  old_name.now = nullptr;
  old_name.unsynced.push_back({.rename = renames_,
                               .new_directory = new_place.first,
                               .new_name = new_place.second});
  return absl::OkStatus();
}

absl::Status SimDisk::Unlink(absl::string_view path) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kUnlink, path));
  absl::MutexLock lock(&mutex_);
  NS_ASSIGN_OR_RETURN(auto place, Parent(path));
  const auto it = place.first->names.find(place.second);
  if (it == place.first->names.end() || it->second.now == nullptr) {
    return NoSuch(path);
  }
  it->second.now = nullptr;
  it->second.unsynced.push_back({});
  return absl::OkStatus();
}

absl::Status SimDisk::MakeDirectory(absl::string_view path, mode_t) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kMakeDirectory, path));
  absl::MutexLock lock(&mutex_);
  NS_ASSIGN_OR_RETURN(auto place, Parent(path));
  Name& name = place.first->names[place.second];
  if (name.now != nullptr) {
    return name.now->is_directory
               ? absl::OkStatus()
               : absl::AlreadyExistsError(absl::StrCat(path, " is a file"));
  }
  name.now = std::make_shared<Node>();
  name.now->is_directory = true;
  name.unsynced.push_back({.node = name.now});
  return absl::OkStatus();
}

absl::Status SimDisk::SyncDirectory(absl::string_view path) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kSyncDirectory, path));
  NodePtr directory;
  {
    absl::MutexLock lock(&mutex_);
    directory = Find(path);
  }
  if (directory == nullptr || !directory->is_directory) return NoSuch(path);
  const bool taken =
      IsTaken(FileOperation::kSyncDirectory, path, [this, directory] {
        mutex_.AssertHeld();
        SyncNames(*directory);
      });
  if (taken) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  SyncNames(*directory);
  return absl::OkStatus();
}

void SimDisk::SyncFile(Node& file, absl::string_view path) {
  file.Sync();
  if (!names_with_data_ || !absl::StrContains(path, *names_with_data_)) return;
  const auto place = Parent(path);
  if (place.ok()) SyncNames(*place->first);
}

void SimDisk::SyncNames(Node& directory) {
  for (auto it = directory.names.begin(); it != directory.names.end();) {
    Name& name = it->second;
    for (const SimMeaning& meaning : name.unsynced) {
      const NodePtr other = meaning.new_directory.lock();
      if (other == nullptr || other.get() == &directory) continue;
      Name& new_name = other->names[meaning.new_name];
      const auto made = std::find_if(
          new_name.unsynced.begin(), new_name.unsynced.end(),
          [&](const SimMeaning& m) { return m.rename == meaning.rename; });
      if (made == new_name.unsynced.end()) continue;
      new_name.on_disk = made->node;
      new_name.unsynced.erase(new_name.unsynced.begin(), made + 1);
    }
    name.unsynced.clear();
    name.on_disk = name.now;
    it = name.now == nullptr ? directory.names.erase(it) : std::next(it);
  }
}

absl::StatusOr<std::vector<std::string>> SimDisk::List(absl::string_view path) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kRead, path));
  absl::MutexLock lock(&mutex_);
  const NodePtr directory = Find(path);
  if (directory == nullptr || !directory->is_directory) return NoSuch(path);
  std::vector<std::string> names;
  for (const auto& [text, name] : directory->names) {
    if (name.now != nullptr) names.push_back(text);
  }
  return names;
}

absl::StatusOr<FileInfo> SimDisk::Stat(absl::string_view path) {
  NS_RETURN_IF_ERROR(Before(FileOperation::kRead, path));
  absl::MutexLock lock(&mutex_);
  const NodePtr node = Find(path);
  if (node == nullptr) return NoSuch(path);
  return FileInfo{.size_bytes = node->size, .is_directory = node->is_directory};
}

absl::StatusOr<SpaceInfo> SimDisk::Space(absl::string_view) {
  return SpaceInfo{.total_bytes = uint64_t{1} << 40,
                   .available_bytes = uint64_t{1} << 40};
}

absl::StatusOr<std::unique_ptr<FileLock>> SimDisk::Lock(
    absl::string_view path) {
  absl::StatusOr<std::unique_ptr<File>> file = OpenFile(path);
  if (absl::IsNotFound(file.status())) file = Create(path, 0600);
  NS_RETURN_IF_ERROR(file.status());
  absl::MutexLock lock(&mutex_);
  if (!locks_.insert(std::string(path)).second) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is held"));
  }
  return std::make_unique<SimLock>(*this, path);
}

}  // namespace nightsafe
