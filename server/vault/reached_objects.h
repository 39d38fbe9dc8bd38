// What a commit check met on its way.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "common/base/ids.h"
#include "server/vault/mark_table.h"

namespace nightsafe {

// Remembers prefixes of ids, up to kMaxObjects: for figures, not for decisions
// about objects.
class ReachedObjects {
 public:
  static constexpr size_t kMaxObjects = 1 << 22;

  void Add(const ObjectId& id, uint32_t length) {
    if (overflown_ || !prefixes_.insert(IdPrefix(id)).second) return;
    bytes_ += length;
    if (prefixes_.size() <= kMaxObjects) return;
    overflown_ = true;
    prefixes_ = {};
  }
  // Something lies below it that was not looked at.
  void NoteStop() { stopped_ = true; }

  bool Contains(const ObjectId& id) const {
    return prefixes_.contains(IdPrefix(id));
  }
  uint64_t bytes() const { return bytes_; }
  bool stopped() const { return stopped_; }
  bool overflown() const { return overflown_; }

 private:
  absl::flat_hash_set<uint64_t> prefixes_;
  uint64_t bytes_ = 0;
  bool stopped_ = false;
  bool overflown_ = false;
};

}  // namespace nightsafe
