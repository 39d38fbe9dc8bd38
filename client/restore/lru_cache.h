// The most recently used values up to a number of bytes.
#pragma once

#include <cstddef>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/base/ids.h"

namespace nightsafe {

// Not thread-safe.
template <typename Value>
class LruCache {
 public:
  explicit LruCache(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Null if absent; valid until the next Put.
  Value* Get(const ObjectId& id) {
    auto found = places_.find(id);
    if (found == places_.end()) return nullptr;
    items_.splice(items_.begin(), items_, found->second);
    return &items_.front().value;
  }

  // `id` must be absent. The new value stays whatever its size.
  Value* Put(const ObjectId& id, Value value, size_t bytes) {
    items_.push_front({id, bytes, std::move(value)});
    places_.emplace(id, items_.begin());
    bytes_ += bytes;
    while (bytes_ > limit_bytes_ && items_.size() > 1) {
      bytes_ -= items_.back().bytes;
      places_.erase(items_.back().id);
      items_.pop_back();
    }
    return &items_.front().value;
  }

  size_t bytes() const { return bytes_; }

 private:
  struct Item {
    ObjectId id;
    size_t bytes;
    Value value;
  };
  const size_t limit_bytes_;
  size_t bytes_ = 0;
  std::list<Item> items_;
  absl::flat_hash_map<ObjectId, typename std::list<Item>::iterator> places_;
};

}  // namespace nightsafe
