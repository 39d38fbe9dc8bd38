// Names of one inode, met one after another.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/agent/file_content.h"

namespace nightsafe {

struct LinkedFile {
  uint64_t group = 0;
  uint64_t bytes = 0;
  bool changed_while_read = false;
  FileStamp stamp;
  int64_t read_at = 0;
  std::shared_ptr<const FileContent> content;
};

// Bounded: past 2^20 inodes further ones are backed up as separate files, and
// `overflowed` says so. Forgets an inode with its last name.
class LinkMap {
 public:
  // What was put in for this inode, or null.
  const LinkedFile* Find(const struct statx& stat) const;
  // False: there is no room.
  bool Put(const struct statx& stat, LinkedFile file);
  // Another name of an inode that is in the map was dealt with.
  void NameSeen(const struct statx& stat);

  bool overflowed() const { return overflowed_; }

  // Not 0. The same for the same first name, so that an unchanged tree has
  // unchanged numbers, whatever its inodes are.
  static uint64_t GroupOf(absl::string_view path);

 private:
  using Key = std::pair<uint64_t, uint64_t>;  // device, inode
  struct Item {
    LinkedFile file;
    uint32_t names_left = 0;
  };
  static Key KeyOf(const struct statx& stat);
  absl::flat_hash_map<Key, Item> items_;
  bool overflowed_ = false;
};

}  // namespace nightsafe
