#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/io/posix_file.h"

namespace nightsafe {
namespace {

class ConfinedLock final : public FileLock {
 public:
  explicit ConfinedLock(int fd) : fd_(fd) {}
  int fd() const { return fd_.get(); }

 private:
  const Descriptor fd_;
};

absl::Status LeadsAway(absl::string_view path, absl::string_view what) {
  return absl::PermissionDeniedError(absl::StrCat(path, " ", what));
}

class ConfinedFileSystem final : public FileSystem {
 public:
  ConfinedFileSystem(absl::string_view root, int fd) : root_(root) {
    directories_.try_emplace("", std::make_unique<Descriptor>(fd));
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      absl::string_view path) override {
    return Open(path, O_RDONLY, 0, "open");
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      absl::string_view path) override {
    return Open(path, O_RDWR, 0, "open");
  }
  absl::StatusOr<std::unique_ptr<File>> Create(absl::string_view path,
                                               mode_t mode) override {
    return Open(path, O_RDWR | O_CREAT | O_EXCL, mode, "create");
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    return Move(from, to, RENAME_NOREPLACE);
  }
  absl::Status Replace(absl::string_view from, absl::string_view to) override {
    return Move(from, to, 0);
  }

  absl::Status Unlink(absl::string_view path) override {
    NS_ASSIGN_OR_RETURN(const Place at, Find(path));
    if (::unlinkat(at.directory, at.name.c_str(), 0) == 0) {
      return absl::OkStatus();
    }
    return SystemError("remove", path, errno);
  }

  absl::Status MakeDirectory(absl::string_view path, mode_t mode) override {
    NS_ASSIGN_OR_RETURN(const Place at, Find(path));
    if (::mkdirat(at.directory, at.name.c_str(), mode) == 0) {
      return absl::OkStatus();
    }
    const int error = errno;
    if (error == EEXIST) {
      absl::StatusOr<FileInfo> info = Stat(path);
      if (info.ok() && info->is_directory) return absl::OkStatus();
    }
    return SystemError("make directory", path, error);
  }

  absl::Status SyncDirectory(absl::string_view path) override {
    NS_ASSIGN_OR_RETURN(const int fd, FindDirectory(path));
    if (::fsync(fd) == 0) return absl::OkStatus();
    return SystemError("sync directory", path, errno);
  }

  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view path) override {
    NS_ASSIGN_OR_RETURN(const int found, FindDirectory(path));
    // A descriptor of its own: the place in the list belongs to it.
    const int fd = ::openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return SystemError("list", path, errno);
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd), ::closedir);
    if (dir == nullptr) {
      const int error = errno;
      ::close(fd);
      return SystemError("list", path, error);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    if (errno != 0) return SystemError("list", path, errno);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<FileInfo> Stat(absl::string_view path) override {
    NS_ASSIGN_OR_RETURN(const Place at, Find(path));
    struct stat info;
    if (::fstatat(at.directory, at.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) !=
        0) {
      return SystemError("stat", path, errno);
    }
    return FileInfo{.size_bytes = static_cast<uint64_t>(info.st_size),
                    .is_directory = S_ISDIR(info.st_mode)};
  }

  absl::StatusOr<SpaceInfo> Space(absl::string_view path) override {
    NS_ASSIGN_OR_RETURN(const int fd, FindDirectory(path));
    struct statvfs info;
    if (::fstatvfs(fd, &info) != 0) {
      return SystemError("stat the file system of", path, errno);
    }
    return SpaceInfo{.total_bytes = info.f_blocks * info.f_frsize,
                     .available_bytes = info.f_bavail * info.f_frsize};
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) override {
    NS_ASSIGN_OR_RETURN(const Place at, Find(path));
    const int fd =
        ::openat(at.directory, at.name.c_str(),
                 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) return SystemError("open lock", path, errno);
    auto lock = std::make_unique<ConfinedLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return SystemError("lock", path, errno);
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is held by another process"));
  }

 private:
  // A name in an open directory.
  struct Place {
    int directory = -1;
    std::string name;
  };

  // What of `path` is below the root: "" for the root itself.
  absl::StatusOr<std::string> Below(absl::string_view path) const {
    if (path == root_) return std::string();
    const std::string prefix = absl::StrCat(root_, "/");
    if (!absl::StartsWith(path, prefix)) {
      return LeadsAway(path, absl::StrCat("is not below ", root_));
    }
    path.remove_prefix(prefix.size());
    while (absl::ConsumePrefix(&path, "/")) {
    }
    return std::string(path);
  }

  absl::StatusOr<Place> Find(absl::string_view path) {
    NS_ASSIGN_OR_RETURN(const std::string below, Below(path));
    const size_t slash = below.rfind('/');
    const bool deep = slash != std::string::npos;
    Place at{.name = deep ? below.substr(slash + 1) : below};
    if (at.name.empty() || at.name == "." || at.name == "..") {
      return LeadsAway(path, "is no name of a file");
    }
    absl::MutexLock lock(&mutex_);
    NS_ASSIGN_OR_RETURN(at.directory,
                        Directory(deep ? below.substr(0, slash) : ""));
    return at;
  }

  absl::StatusOr<int> FindDirectory(absl::string_view path) {
    NS_ASSIGN_OR_RETURN(const std::string below, Below(path));
    absl::MutexLock lock(&mutex_);
    return Directory(below);
  }

  absl::StatusOr<int> Directory(const std::string& below)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto known = directories_.find(below);
    if (known != directories_.end()) return known->second->get();
    const std::string path = absl::StrCat(root_, "/", below);
    const size_t slash = below.rfind('/');
    const bool deep = slash != std::string::npos;
    const std::string name = deep ? below.substr(slash + 1) : below;
    if (name.empty() || name == "." || name == "..") {
      return LeadsAway(path, "is no path without detours");
    }
    NS_ASSIGN_OR_RETURN(const int parent,
                        Directory(deep ? below.substr(0, slash) : ""));
    const int fd = ::openat(parent, name.c_str(),
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
      return LeadsAway(path,
                       "is a symbolic link or a file where a directory is "
                       "expected; what lies on another disk has to be mounted "
                       "there");
    }
    if (fd < 0) return SystemError("open directory", path, errno);
    directories_[below] = std::make_unique<Descriptor>(fd);
    return fd;
  }

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path, int flags,
                                             mode_t mode,
                                             absl::string_view verb) {
    NS_ASSIGN_OR_RETURN(const Place at, Find(path));
    // Nobody can keep the caller waiting with a pipe.
    const int fd = ::openat(at.directory, at.name.c_str(),
                            flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    if (fd < 0 && errno == ELOOP) return LeadsAway(path, "is a symbolic link");
    if (fd < 0) return SystemError(verb, path, errno);
    std::unique_ptr<File> file = NewPosixFile(fd, path);
    struct stat info;
    if (::fstat(fd, &info) != 0) return SystemError("stat", path, errno);
    if (S_ISREG(info.st_mode)) return file;
    return LeadsAway(path, "is no regular file");
  }

  absl::Status Move(absl::string_view from, absl::string_view to,
                    unsigned flags) {
    NS_ASSIGN_OR_RETURN(const Place old_place, Find(from));
    NS_ASSIGN_OR_RETURN(const Place new_place, Find(to));
    if (::renameat2(old_place.directory, old_place.name.c_str(),
                    new_place.directory, new_place.name.c_str(), flags) == 0) {
      return absl::OkStatus();
    }
    return SystemError(absl::StrCat("rename ", from, " to"), to, errno);
  }

  const std::string root_;
  absl::Mutex mutex_;
  // By path below the root. None is ever closed or opened again.
  std::map<std::string, std::unique_ptr<Descriptor>> directories_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<FileSystem>> NewConfinedFileSystem(
    absl::string_view root) {
  while (absl::ConsumeSuffix(&root, "/")) {
  }
  const int fd =
      ::open(std::string(root).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError("open directory", root, errno);
  return std::make_unique<ConfinedFileSystem>(root, fd);
}

}  // namespace nightsafe
