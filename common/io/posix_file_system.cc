#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/base/status.h"
#include "common/io/posix_file.h"

namespace nightsafe {
namespace {

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  const Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
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
    if (::renameat2(AT_FDCWD, std::string(from).c_str(), AT_FDCWD,
                    std::string(to).c_str(), RENAME_NOREPLACE) == 0) {
      return absl::OkStatus();
    }
    return SystemError(absl::StrCat("rename ", from, " to"), to, errno);
  }

  absl::Status Replace(absl::string_view from, absl::string_view to) override {
    if (::rename(std::string(from).c_str(), std::string(to).c_str()) == 0) {
      return absl::OkStatus();
    }
    return SystemError(absl::StrCat("rename ", from, " to"), to, errno);
  }

  absl::Status Unlink(absl::string_view path) override {
    if (::unlink(std::string(path).c_str()) == 0) return absl::OkStatus();
    return SystemError("remove", path, errno);
  }

  absl::Status MakeDirectory(absl::string_view path, mode_t mode) override {
    if (::mkdir(std::string(path).c_str(), mode) == 0) return absl::OkStatus();
    const int error = errno;
    if (error == EEXIST) {
      absl::StatusOr<FileInfo> info = Stat(path);
      if (info.ok() && info->is_directory) return absl::OkStatus();
    }
    return SystemError("make directory", path, error);
  }

  absl::Status SyncDirectory(absl::string_view path) override {
    Descriptor fd(
        ::open(std::string(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return SystemError("open directory", path, errno);
    if (::fsync(fd.get()) == 0) return absl::OkStatus();
    return SystemError("sync directory", path, errno);
  }

  absl::StatusOr<std::vector<std::string>> List(
      absl::string_view path) override {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(
        ::opendir(std::string(path).c_str()), ::closedir);
    if (dir == nullptr) return SystemError("list", path, errno);
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
    struct stat info;
    if (::stat(std::string(path).c_str(), &info) != 0) {
      return SystemError("stat", path, errno);
    }
    return FileInfo{.size_bytes = static_cast<uint64_t>(info.st_size),
                    .is_directory = S_ISDIR(info.st_mode)};
  }

  absl::StatusOr<SpaceInfo> Space(absl::string_view path) override {
    struct statvfs info;
    if (::statvfs(std::string(path).c_str(), &info) != 0) {
      return SystemError("stat the file system of", path, errno);
    }
    return SpaceInfo{.total_bytes = info.f_blocks * info.f_frsize,
                     .available_bytes = info.f_bavail * info.f_frsize};
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      absl::string_view path) override {
    const int fd = ::open(std::string(path).c_str(),
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return SystemError("open lock", path, errno);
    auto lock = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return SystemError("lock", path, errno);
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is held by another process"));
  }

 private:
  static absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path,
                                                    int flags, mode_t mode,
                                                    absl::string_view verb) {
    const int fd =
        ::open(std::string(path).c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return SystemError(verb, path, errno);
    return NewPosixFile(fd, path);
  }
};

}  // namespace

std::unique_ptr<FileSystem> NewPosixFileSystem() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace nightsafe
