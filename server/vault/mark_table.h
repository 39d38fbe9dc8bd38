// Which objects of a vault's index a collection has met: 8 bytes for each data
// object, 32 for each node, and a bit.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/object/object.h"

namespace nightsafe {

// The first 8 bytes of an id: what is remembered of data objects. Two that
// agree in it are taken for one, which keeps both.
uint64_t IdPrefix(const ObjectId& id);

// Thread-compatible.
class MarkTable {
 public:
  // In the order of domain and id, as the index has them. Manifests are left
  // out: they are never collected.
  void Add(uint32_t domain_number, const ObjectId& id, ObjectKind kind);
  // Before the first Add: as many may come.
  void Reserve(size_t objects) { data_.reserve(objects); }

  enum class Answer { kUnknown, kData, kMarkedNode, kNewlyMarkedNode };
  // Marks it, and says what it is.
  Answer Mark(uint32_t domain_number, const ObjectId& id);
  // Data of which only the prefix is known.
  void MarkData(uint32_t domain_number, uint64_t prefix);
  // In the table and never marked.
  bool IsUnmarked(uint32_t domain_number, const ObjectId& id) const;

  // Domain and id of each, in order.
  std::vector<std::pair<uint32_t, ObjectId>> UnmarkedNodes() const;

  uint64_t objects() const { return data_.size() + nodes_.size(); }
  uint64_t marked() const;
  uint64_t memory_bytes() const;

 private:
  // Places of one domain.
  struct Range {
    size_t data_begin = 0;
    size_t data_end = 0;
    size_t node_begin = 0;
    size_t node_end = 0;
  };
  static constexpr size_t kNone = ~size_t{0};
  const Range* RangeOf(uint32_t domain_number) const;
  size_t PlaceOfNode(const Range& range, const ObjectId& id) const;
  // The first of those with that prefix.
  size_t PlaceOfData(const Range& range, uint64_t prefix) const;

  std::map<uint32_t, Range> ranges_;
  std::vector<uint64_t> data_;  // prefixes, rising within a range
  std::vector<bool> data_marks_;
  std::vector<ObjectId> nodes_;  // rising within a range
  std::vector<bool> node_marks_;
};

}  // namespace nightsafe
