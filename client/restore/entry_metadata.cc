#include "client/restore/entry_metadata.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace nightsafe {
namespace {

using v1::format::Entry;

constexpr uint32_t kLockingFlags = FS_IMMUTABLE_FL | FS_APPEND_FL;
constexpr uint32_t kEarlyFlags = FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL |
                                 FS_COMPR_FL | FS_NOCOW_FL | FS_DIRSYNC_FL |
                                 FS_TOPDIR_FL | FS_PROJINHERIT_FL;

bool IsOpenable(const Entry& entry) {
  return entry.type() == v1::format::REGULAR ||
         entry.type() == v1::format::DIRECTORY;
}

std::string Because(absl::string_view what) {
  return absl::StrCat(what, ": ", std::strerror(errno));
}

// The one path that leads to an O_PATH descriptor's own object: the kernel
// goes straight to it, so nothing can be swapped in between.
std::string ProcPath(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

void ApplyOwner(int fd, const Entry& entry, const MetadataTrouble& trouble) {
  if (fchownat(fd, "", entry.uid(), entry.gid(),
               AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
    trouble(Because(absl::StrCat("owner ", entry.uid(), ":", entry.gid())));
  }
}

void ApplyMode(int fd, const Entry& entry, const MetadataOptions& options,
               const MetadataTrouble& trouble) {
  if (entry.type() == v1::format::SYMLINK) return;
  mode_t mode = entry.mode() & 07777;
  // On a directory setgid is only about the group of what is made in it.
  mode_t lending =
      entry.type() == v1::format::DIRECTORY ? S_ISUID : S_ISUID | S_ISGID;
  if (!options.owners && (mode & lending) != 0) {
    mode &= ~lending;
    trouble("setuid or setgid left out, because the owner is not restored");
  }
  int result =
      IsOpenable(entry) ? fchmod(fd, mode) : chmod(ProcPath(fd).c_str(), mode);
  if (result != 0) trouble(Because("mode"));
}

void ApplyXattrs(int fd, const Entry& entry, const MetadataTrouble& trouble) {
  for (const v1::format::Xattr& xattr : entry.xattrs()) {
    const std::string& value = xattr.value();
    if (xattr.name().find('\0') != std::string::npos) {
      trouble("the name of an xattr is malformed");
      continue;
    }
    int result =
        IsOpenable(entry)
            ? fsetxattr(fd, xattr.name().c_str(), value.data(), value.size(), 0)
            : setxattr(ProcPath(fd).c_str(), xattr.name().c_str(), value.data(),
                       value.size(), 0);
    if (result != 0) trouble(Because(absl::StrCat("xattr ", xattr.name())));
  }
}

void ApplyTimes(int fd, const Entry& entry, const MetadataTrouble& trouble) {
  if (entry.mtime_nanoseconds() >= 1'000'000'000) {
    trouble("the time in the snapshot is malformed");
    return;
  }
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = entry.mtime_seconds();
  times[1].tv_nsec = entry.mtime_nanoseconds();
  int result = IsOpenable(entry) ? futimens(fd, times)
                                 : utimensat(fd, "", times, AT_EMPTY_PATH);
  if (result != 0) trouble(Because("modification time"));
}

void AddFlags(int fd, uint32_t flags, const MetadataTrouble& trouble) {
  if (flags == 0) return;
  unsigned int current = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &current) == 0) {
    if ((current & flags) == flags) return;
    current |= flags;
    if (ioctl(fd, FS_IOC_SETFLAGS, &current) == 0) return;
  }
  trouble(Because("file flags"));
}

}  // namespace

void ApplyEarlyFlags(int fd, const Entry& entry,
                     const MetadataTrouble& trouble) {
  if (IsOpenable(entry)) AddFlags(fd, entry.flags() & kEarlyFlags, trouble);
}

bool HasLockingFlags(const Entry& entry) {
  return IsOpenable(entry) && (entry.flags() & kLockingFlags) != 0;
}

void ApplyLockingFlags(int fd, const Entry& entry,
                       const MetadataTrouble& trouble) {
  AddFlags(fd, entry.flags() & kLockingFlags, trouble);
}

// A change of owner clears setuid and capabilities, so it comes first; the mode
// may take away the right to set attributes, so it comes after them.
void ApplyMetadata(int fd, const Entry& entry, const MetadataOptions& options,
                   const MetadataTrouble& trouble) {
  if (options.owners) ApplyOwner(fd, entry, trouble);
  ApplyXattrs(fd, entry, trouble);
  ApplyMode(fd, entry, options, trouble);
  ApplyTimes(fd, entry, trouble);
}

}  // namespace nightsafe
