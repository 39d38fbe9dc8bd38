#include "client/restore/target_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

absl::StatusOr<bool> IsEmptyDirectory(int fd, const std::string& path) {
  int copy = openat(fd, ".", kDirectoryFlags);
  DIR* directory = copy < 0 ? nullptr : fdopendir(copy);
  if (directory == nullptr) {
    absl::Status status = SystemError(path);
    if (copy >= 0) close(copy);
    return status;
  }
  bool empty = true;
  while (const dirent* entry = readdir(directory)) {
    absl::string_view name = entry->d_name;
    // A new file system has lost+found.
    if (name != "." && name != ".." && name != "lost+found") empty = false;
  }
  closedir(directory);
  return empty;
}

// For kernels without openat2 and paths too long for one call.
absl::StatusOr<FileDescriptor> OpenStepwise(int root, absl::string_view path) {
  FileDescriptor current;
  while (!path.empty()) {
    size_t end = path.find('/');
    std::string name(path.substr(0, end));
    path = end == absl::string_view::npos ? "" : path.substr(end + 1);
    if (!IsSafeName(name)) {
      return absl::FailedPreconditionError("unsafe directory name");
    }
    int parent = current.valid() ? current.get() : root;
    FileDescriptor next(openat(parent, name.c_str(), kDirectoryFlags));
    if (!next.valid()) return SystemError("cannot enter its directory");
    current = std::move(next);
  }
  return current;
}

}  // namespace

FileIdentity IdentityOf(const struct stat& info) {
  return {info.st_dev, info.st_ino, info.st_mode & S_IFMT};
}

absl::Status SystemError(absl::string_view what) {
  int error = errno;
  absl::StatusCode code = absl::StatusCode::kFailedPrecondition;
  if (error == ENOSPC || error == EDQUOT) {
    code = absl::StatusCode::kResourceExhausted;
  } else if (error == EEXIST) {
    code = absl::StatusCode::kAlreadyExists;
  }
  return absl::Status(code, absl::StrCat(what, ": ", std::strerror(error)));
}

bool IsSafeName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." &&
         name != ".." && name.find('/') == absl::string_view::npos &&
         name.find('\0') == absl::string_view::npos;
}

absl::Status TargetRoot::Check(absl::string_view path, bool into_existing) {
  std::string name(path);
  // The person may well mean a symlink by the target's own path.
  FileDescriptor fd(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return errno == ENOENT ? absl::OkStatus()
                           : SystemError(absl::StrCat("target ", path));
  }
  if (into_existing) return absl::OkStatus();
  NS_ASSIGN_OR_RETURN(bool empty, IsEmptyDirectory(fd.get(), name));
  if (empty) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "target ", path,
      " is not empty; name a new directory, or say "
      "--into-existing (files that are there are never overwritten)"));
}

absl::StatusOr<TargetRoot> TargetRoot::Open(absl::string_view path,
                                            bool into_existing) {
  std::string name(path);
  if (mkdir(name.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(absl::StrCat("cannot make target ", path));
  }
  NS_RETURN_IF_ERROR(Check(path, into_existing));
  FileDescriptor fd(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return SystemError(absl::StrCat("target ", path));
  return TargetRoot(std::move(fd), into_existing);
}

absl::StatusOr<FileDescriptor> TargetRoot::OpenDirectory(
    absl::string_view path) const {
  std::string relative(path.empty() ? "." : path.substr(1));
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  if (!into_existing_) how.resolve |= RESOLVE_NO_XDEV;
  long opened =
      syscall(SYS_openat2, fd_.get(), relative.c_str(), &how, sizeof(how));
  if (opened >= 0) return FileDescriptor(static_cast<int>(opened));
  bool stepwise = errno == ENOSYS || errno == ENAMETOOLONG || errno == EPERM;
  if (stepwise && !path.empty()) return OpenStepwise(fd_.get(), relative);
  return SystemError("cannot enter its directory");
}

}  // namespace nightsafe
