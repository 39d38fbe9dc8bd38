// What a snapshot says of a file, from what the kernel says of it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "client/agent/walk.h"
#include "nightsafe/v1/format/entry.pb.h"

namespace nightsafe {

// What tells a changed file from an unchanged one. Not the device: its number
// changes with every snapshot of a volume.
struct FileStamp {
  uint64_t inode = 0;
  uint64_t size_bytes = 0;
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;
  int64_t ctime_seconds = 0;
  uint32_t ctime_nanoseconds = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

FileStamp StampOf(const struct statx& stat);

// Not thread-safe: caches names of users and groups.
class EntryReader {
 public:
  // Everything but link_group, unreadable and changed_while_read. Extended
  // attributes that cannot be read are left out and `problem` says so.
  // NOT_FOUND: a symbolic link vanished. The serialised form is the same for
  // the same metadata.
  absl::StatusOr<v1::format::Entry> Read(const WalkedEntry& walked,
                                         std::string& problem);

 private:
  const std::string& UserName(uint32_t uid);
  const std::string& GroupName(uint32_t gid);
  std::unordered_map<uint32_t, std::string> users_;
  std::unordered_map<uint32_t, std::string> groups_;
};

}  // namespace nightsafe
