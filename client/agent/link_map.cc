#include "client/agent/link_map.h"

#include <sys/sysmacros.h>

#include "common/base/cursor.h"
#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxInodes = 1 << 20;

}  // namespace

LinkMap::Key LinkMap::KeyOf(const struct statx& stat) {
  return {makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino};
}

const LinkedFile* LinkMap::Find(const struct statx& stat) const {
  const auto item = items_.find(KeyOf(stat));
  return item == items_.end() ? nullptr : &item->second.file;
}

bool LinkMap::Put(const struct statx& stat, LinkedFile file) {
  if (items_.size() >= kMaxInodes) {
    overflowed_ = true;
    return false;
  }
  items_[KeyOf(stat)] = {std::move(file), stat.stx_nlink - 1};
  return true;
}

void LinkMap::NameSeen(const struct statx& stat) {
  const auto item = items_.find(KeyOf(stat));
  if (item != items_.end() && --item->second.names_left == 0) {
    items_.erase(item);
  }
}

uint64_t LinkMap::GroupOf(absl::string_view path) {
  const Hash32 hash = HashOf(AsBytes(path));
  const uint64_t group = ByteCursor(hash).U64();
  return group == 0 ? 1 : group;
}

}  // namespace nightsafe
