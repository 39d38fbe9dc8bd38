// What a commit check met on its way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "common/base/ids.h"
#include "server/vault/mark_table.h"

namespace nightsafe {

// Remembers prefixes of ids: for figures, not for decisions about objects. Past
// `max_objects` it forgets data objects, past as many nodes those too: then it
// has met more than it says.
class ReachedObjects {
 public:
  static constexpr size_t kMaxObjects = 1 << 22;

  explicit ReachedObjects(size_t max_objects = kMaxObjects)
      : max_objects_(max_objects) {}

  void Add(const ObjectId& id, uint32_t length, bool is_node) {
    if (is_node ? nodes_.size() >= max_objects_ : overflown_) {
      overflown_ = true;
      return;
    }
    if (!(is_node ? nodes_ : data_).insert(IdPrefix(id)).second) return;
    bytes_ += length;
    if (nodes_.size() + data_.size() <= max_objects_) return;
    overflown_ = true;
    data_ = {};
  }
  // Something lies below it that was not looked at.
  void NoteStop() { stopped_ = true; }

  bool Contains(const ObjectId& id) const {
    return nodes_.contains(IdPrefix(id)) || data_.contains(IdPrefix(id));
  }
  // Of what it remembers or did remember.
  uint64_t bytes() const { return bytes_; }
  bool stopped() const { return stopped_; }
  bool overflown() const { return overflown_; }

 private:
  size_t max_objects_;
  absl::flat_hash_set<uint64_t> nodes_;
  absl::flat_hash_set<uint64_t> data_;
  uint64_t bytes_ = 0;
  bool stopped_ = false;
  bool overflown_ = false;
};

}  // namespace nightsafe
