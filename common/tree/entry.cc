#include "common/tree/entry.h"

#include <limits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

using v1::format::Entry;

constexpr uint64_t kMaxFileBytes = std::numeric_limits<int64_t>::max();
constexpr uint32_t kMaxMode = 07777;
constexpr size_t kMaxAccountNameBytes = 255;
constexpr size_t kMaxXattrNameBytes = 255;
constexpr size_t kMaxXattrValueBytes = 64 << 10;

absl::Status Refuse(absl::string_view reason) {
  return absl::DataLossError(absl::StrCat("entry ", reason));
}

bool HasNul(absl::string_view text) { return text.find('\0') != text.npos; }

bool IsDevice(const Entry& entry) {
  return entry.type() == v1::format::CHARACTER_DEVICE ||
         entry.type() == v1::format::BLOCK_DEVICE;
}

absl::Status CheckXattrs(const Entry& entry) {
  size_t total = 0;
  const std::string* previous = nullptr;
  for (const v1::format::Xattr& xattr : entry.xattrs()) {
    if (xattr.name().empty() || xattr.name().size() > kMaxXattrNameBytes ||
        HasNul(xattr.name())) {
      return Refuse("has an extended attribute with an impossible name");
    }
    if (xattr.value().size() > kMaxXattrValueBytes) {
      return Refuse(absl::StrCat("has an extended attribute of ",
                                 xattr.value().size(), " bytes, limit ",
                                 kMaxXattrValueBytes));
    }
    if (previous != nullptr && !(*previous < xattr.name())) {
      return Refuse("has extended attributes out of order");
    }
    previous = &xattr.name();
    total += xattr.name().size() + xattr.value().size();
  }
  if (total > kMaxXattrBytes) {
    return Refuse(absl::StrCat("has ", total,
                               " bytes of extended attributes, limit ",
                               kMaxXattrBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckSymlink(const Entry& entry) {
  const std::string& target = entry.symlink_target();
  if (entry.type() != v1::format::SYMLINK) {
    return target.empty() ? absl::OkStatus()
                          : Refuse("has a link target but is no link");
  }
  if (target.empty() && !entry.unreadable()) {
    return Refuse("is a link without a target");
  }
  if (target.size() >= kMaxSymlinkBytes || HasNul(target)) {
    return Refuse("has an impossible link target");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckEntry(const Entry& entry) {
  if (!v1::format::EntryType_IsValid(entry.type()) ||
      entry.type() == v1::format::ENTRY_TYPE_UNSPECIFIED) {
    return Refuse(
        absl::StrCat("is of unknown type ", static_cast<int>(entry.type())));
  }
  if (entry.mode() > kMaxMode) return Refuse("has mode bits beyond 07777");
  if (entry.mtime_nanoseconds() >= 1000000000) {
    return Refuse("has an impossible modification time");
  }
  for (const std::string* name : {&entry.user_name(), &entry.group_name()}) {
    if (name->size() > kMaxAccountNameBytes || HasNul(*name)) {
      return Refuse("has an impossible user or group name");
    }
  }
  if (entry.type() == v1::format::REGULAR ? entry.size_bytes() > kMaxFileBytes
                                          : entry.size_bytes() != 0) {
    return Refuse(absl::StrCat("has an impossible size of ", entry.size_bytes(),
                               " bytes"));
  }
  if (!IsDevice(entry) &&
      (entry.rdev_major() != 0 || entry.rdev_minor() != 0)) {
    return Refuse("has a device number but is no device");
  }
  if (entry.type() == v1::format::DIRECTORY && entry.link_group() != 0) {
    return Refuse("is a directory with hard links");
  }
  if (entry.type() != v1::format::DIRECTORY &&
      (entry.implied() || entry.name().empty())) {
    return Refuse("stands where only a directory can");
  }
  NS_RETURN_IF_ERROR(CheckSymlink(entry));
  return CheckXattrs(entry);
}

bool HasContent(const Entry& entry) {
  return entry.type() == v1::format::REGULAR && !entry.unreadable();
}

uint64_t FileBytes(const Entry& entry) {
  return entry.type() == v1::format::REGULAR ? entry.size_bytes() : 0;
}

absl::Status CheckExtent(const FileExtent& extent) {
  if (extent.length == 0) {
    return absl::DataLossError("extent without bytes");
  }
  if (extent.hole) {
    return extent.offset == 0 && extent.object == ObjectRef{}
               ? absl::OkStatus()
               : absl::DataLossError("hole that names an object or offset");
  }
  const uint64_t size = extent.object.plain_length;
  if (size > kMaxPlainBytes || extent.offset > size ||
      extent.length > size - extent.offset) {
    return absl::DataLossError(
        absl::StrCat("extent of ", extent.length, " bytes at ", extent.offset,
                     " outside its object of ", size, " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> TotalLength(const FileExtents& extents) {
  uint64_t total = 0;
  for (const FileExtent& extent : extents) {
    if (extent.length > kMaxFileBytes - total) {
      return absl::DataLossError("extents longer than any file");
    }
    total += extent.length;
  }
  return total;
}

}  // namespace nightsafe
