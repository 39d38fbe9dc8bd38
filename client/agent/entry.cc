#include "client/agent/entry.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"

namespace nightsafe {
namespace {

using v1::format::Entry;
using v1::format::EntryType;

EntryType TypeOf(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return EntryType::REGULAR;
    case S_IFDIR:
      return EntryType::DIRECTORY;
    case S_IFLNK:
      return EntryType::SYMLINK;
    case S_IFIFO:
      return EntryType::FIFO;
    case S_IFCHR:
      return EntryType::CHARACTER_DEVICE;
    case S_IFBLK:
      return EntryType::BLOCK_DEVICE;
    case S_IFSOCK:
      return EntryType::SOCKET;
    default:
      return EntryType::ENTRY_TYPE_UNSPECIFIED;
  }
}

// statx has these in the bits of FS_IOC_GETFLAGS, without opening the file.
constexpr uint64_t kFlags =
    STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
static_assert(STATX_ATTR_IMMUTABLE == FS_IMMUTABLE_FL);
static_assert(STATX_ATTR_APPEND == FS_APPEND_FL);
static_assert(STATX_ATTR_NODUMP == FS_NODUMP_FL);

// A path that reaches `name` through the directory's descriptor: there is no
// lgetxattrat before Linux 6.13.
std::string ThroughDescriptor(const WalkedEntry& walked) {
  return absl::StrCat("/proc/self/fd/", walked.parent, "/", walked.name);
}

// Calls `get` with a growing buffer until it fits.
template <typename Get>
bool ReadGrowing(const Get& get, std::string& out) {
  out.resize(1024);
  for (;;) {
    const ssize_t length = get(out.data(), out.size());
    if (length >= 0) {
      out.resize(static_cast<size_t>(length));
      return true;
    }
    if (errno != ERANGE || out.size() > kMaxXattrBytes) return false;
    out.resize(out.size() * 4);
  }
}

bool ReadXattrs(const WalkedEntry& walked, Entry& entry) {
  const std::string path = ThroughDescriptor(walked);
  char first[1024];
  ssize_t length = llistxattr(path.c_str(), first, sizeof first);
  if (length == 0 || (length < 0 && errno == ENOTSUP)) return true;
  std::string list;
  if (length > 0) {
    list.assign(first, static_cast<size_t>(length));
  } else if (errno != ERANGE || !ReadGrowing(
                                    [&path](char* buffer, size_t size) {
                                      return llistxattr(path.c_str(), buffer,
                                                        size);
                                    },
                                    list)) {
    return false;
  }
  std::vector<std::string> names;
  for (size_t at = 0; at < list.size();) {
    names.emplace_back(list.c_str() + at);
    at += names.back().size() + 1;
  }
  std::sort(names.begin(), names.end());
  size_t total = 0;
  for (const std::string& name : names) {
    std::string value;
    if (!ReadGrowing(
            [&path, &name](char* buffer, size_t size) {
              return lgetxattr(path.c_str(), name.c_str(), buffer, size);
            },
            value)) {
      if (errno == ENODATA) continue;  // removed since it was listed
      return false;
    }
    total += name.size() + value.size();
    if (total > kMaxXattrBytes) {
      errno = E2BIG;
      return false;
    }
    v1::format::Xattr& xattr = *entry.add_xattrs();
    xattr.set_name(name);
    xattr.set_value(std::move(value));
  }
  return true;
}

absl::StatusOr<std::string> ReadTarget(const WalkedEntry& walked) {
  std::string target(kMaxSymlinkBytes, '\0');
  const ssize_t length =
      readlinkat(walked.parent, std::string(walked.name).c_str(), target.data(),
                 target.size());
  if (length <= 0) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the link: ", std::strerror(errno)));
  }
  target.resize(static_cast<size_t>(length));
  return target;
}

}  // namespace

FileStamp StampOf(const struct statx& stat) {
  return {stat.stx_ino,          stat.stx_size,
          stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec,
          stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec};
}

absl::StatusOr<Entry> EntryReader::Read(const WalkedEntry& walked,
                                        std::string& problem) {
  const struct statx& stat = walked.stat;
  Entry entry;
  entry.set_name(std::string(walked.name));
  entry.set_type(TypeOf(stat.stx_mode));
  entry.set_mode(stat.stx_mode & 07777);
  entry.set_uid(stat.stx_uid);
  entry.set_gid(stat.stx_gid);
  entry.set_user_name(UserName(stat.stx_uid));
  entry.set_group_name(GroupName(stat.stx_gid));
  if (walked.is_regular()) entry.set_size_bytes(stat.stx_size);
  entry.set_mtime_seconds(stat.stx_mtime.tv_sec);
  entry.set_mtime_nanoseconds(stat.stx_mtime.tv_nsec);
  entry.set_flags(static_cast<uint32_t>(stat.stx_attributes & kFlags));
  if (S_ISCHR(stat.stx_mode) || S_ISBLK(stat.stx_mode)) {
    entry.set_rdev_major(stat.stx_rdev_major);
    entry.set_rdev_minor(stat.stx_rdev_minor);
  }
  if (S_ISLNK(stat.stx_mode)) {
    auto target = ReadTarget(walked);
    if (!target.ok()) return target.status();
    entry.set_symlink_target(*std::move(target));
  }
  entry.set_implied(walked.implied);
  if (!ReadXattrs(walked, entry)) {
    problem = absl::StrCat("cannot read the extended attributes: ",
                           std::strerror(errno));
    entry.clear_xattrs();
  }
  return entry;
}

const std::string& EntryReader::UserName(uint32_t uid) {
  auto [it, added] = users_.try_emplace(uid);
  if (added) {
    passwd record;
    passwd* found = nullptr;
    std::string buffer(16 << 10, '\0');
    if (getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr) {
      it->second = found->pw_name;
    }
  }
  return it->second;
}

const std::string& EntryReader::GroupName(uint32_t gid) {
  auto [it, added] = groups_.try_emplace(gid);
  if (added) {
    group record;
    group* found = nullptr;
    std::string buffer(64 << 10, '\0');
    if (getgrgid_r(gid, &record, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr) {
      it->second = found->gr_name;
    }
  }
  return it->second;
}

}  // namespace nightsafe
