#include "client/restore/special_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "client/restore/target_root.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

using v1::format::Entry;
using v1::format::EntryType;

bool IsDevice(EntryType type) {
  return type == v1::format::CHARACTER_DEVICE ||
         type == v1::format::BLOCK_DEVICE;
}

absl::Status Create(int directory, const Entry& fields) {
  const char* name = fields.name().c_str();
  if (fields.type() == v1::format::SYMLINK) {
    const std::string& target = fields.symlink_target();
    if (target.empty() || target.size() >= kMaxSymlinkBytes ||
        target.find('\0') != std::string::npos) {
      return absl::DataLossError("its target is malformed");
    }
    if (symlinkat(target.c_str(), directory, name) != 0) {
      return CannotMake();
    }
    return absl::OkStatus();
  }
  dev_t device = IsDevice(fields.type())
                     ? makedev(fields.rdev_major(), fields.rdev_minor())
                     : 0;
  mode_t mode = FormatOf(fields.type()) | 0600;
  if (mknodat(directory, name, mode, device) == 0) return absl::OkStatus();
  if (errno == EPERM && IsDevice(fields.type())) {
    return absl::FailedPreconditionError("only root can make devices");
  }
  return CannotMake();
}

// What stands under the name just made, if it can be no other.
absl::StatusOr<FileDescriptor> OpenMade(int directory, const Entry& entry) {
  FileDescriptor fd(
      openat(directory, entry.name().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info = {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return Replaced();
  EntryType type = entry.type();
  bool same = (info.st_mode & S_IFMT) == FormatOf(type) && info.st_nlink == 1 &&
              info.st_uid == geteuid() &&
              (!IsDevice(type) ||
               info.st_rdev == makedev(entry.rdev_major(), entry.rdev_minor()));
  if (!same) return Replaced();
  return fd;
}

}  // namespace

mode_t FormatOf(EntryType type) {
  switch (type) {
    case v1::format::REGULAR:
      return S_IFREG;
    case v1::format::DIRECTORY:
      return S_IFDIR;
    case v1::format::SYMLINK:
      return S_IFLNK;
    case v1::format::FIFO:
      return S_IFIFO;
    case v1::format::CHARACTER_DEVICE:
      return S_IFCHR;
    case v1::format::BLOCK_DEVICE:
      return S_IFBLK;
    case v1::format::SOCKET:
      return S_IFSOCK;
    default:
      return 0;
  }
}

absl::Status CannotMake() {
  absl::Status status = SystemError("cannot be made");
  if (!absl::IsAlreadyExists(status)) return status;
  return absl::AlreadyExistsError(
      "something of that name is there already; nothing is overwritten");
}

absl::Status Replaced() {
  return absl::FailedPreconditionError(
      "was replaced by something else during the restore");
}

absl::StatusOr<FileDescriptor> MakeSpecialFile(int directory,
                                               const Entry& entry) {
  NS_RETURN_IF_ERROR(Create(directory, entry));
  return OpenMade(directory, entry);
}

}  // namespace nightsafe
