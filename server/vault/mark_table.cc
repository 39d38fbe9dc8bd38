#include "server/vault/mark_table.h"

#include <algorithm>

namespace nightsafe {

uint64_t IdPrefix(const ObjectId& id) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < sizeof prefix; ++i) {
    prefix = prefix << 8 | static_cast<uint8_t>(id.bytes[i]);
  }
  return prefix;
}

void MarkTable::Add(uint32_t domain_number, const ObjectId& id,
                    ObjectKind kind) {
  if (kind == ObjectKind::kManifest) return;
  auto [it, added] = ranges_.try_emplace(domain_number);
  Range& range = it->second;
  if (added) {
    range = {.data_begin = data_.size(),
             .data_end = data_.size(),
             .node_begin = nodes_.size(),
             .node_end = nodes_.size()};
  }
  if (kind == ObjectKind::kNode) {
    nodes_.push_back(id);
    node_marks_.push_back(false);
    range.node_end = nodes_.size();
  } else {
    data_.push_back(IdPrefix(id));
    data_marks_.push_back(false);
    range.data_end = data_.size();
  }
}

const MarkTable::Range* MarkTable::RangeOf(uint32_t domain_number) const {
  const auto it = ranges_.find(domain_number);
  return it == ranges_.end() ? nullptr : &it->second;
}

size_t MarkTable::PlaceOfNode(const Range& range, const ObjectId& id) const {
  const auto begin = nodes_.begin() + static_cast<ptrdiff_t>(range.node_begin);
  const auto end = nodes_.begin() + static_cast<ptrdiff_t>(range.node_end);
  const auto it = std::lower_bound(begin, end, id);
  if (it == end || *it != id) return kNone;
  return static_cast<size_t>(it - nodes_.begin());
}

size_t MarkTable::PlaceOfData(const Range& range, uint64_t prefix) const {
  const auto begin = data_.begin() + static_cast<ptrdiff_t>(range.data_begin);
  const auto end = data_.begin() + static_cast<ptrdiff_t>(range.data_end);
  const auto it = std::lower_bound(begin, end, prefix);
  if (it == end || *it != prefix) return kNone;
  return static_cast<size_t>(it - data_.begin());
}

MarkTable::Answer MarkTable::Mark(uint32_t domain_number, const ObjectId& id) {
  const Range* range = RangeOf(domain_number);
  if (range == nullptr) return Answer::kUnknown;
  if (const size_t node = PlaceOfNode(*range, id); node != kNone) {
    const bool was_marked = node_marks_[node];
    node_marks_[node] = true;
    return was_marked ? Answer::kMarkedNode : Answer::kNewlyMarkedNode;
  }
  const size_t data = PlaceOfData(*range, IdPrefix(id));
  if (data == kNone) return Answer::kUnknown;
  data_marks_[data] = true;
  return Answer::kData;
}

void MarkTable::MarkData(uint32_t domain_number, uint64_t prefix) {
  const Range* range = RangeOf(domain_number);
  if (range == nullptr) return;
  const size_t data = PlaceOfData(*range, prefix);
  if (data != kNone) data_marks_[data] = true;
}

bool MarkTable::IsUnmarked(uint32_t domain_number, const ObjectId& id) const {
  const Range* range = RangeOf(domain_number);
  if (range == nullptr) return false;
  if (const size_t node = PlaceOfNode(*range, id); node != kNone) {
    return !node_marks_[node];
  }
  const size_t data = PlaceOfData(*range, IdPrefix(id));
  return data != kNone && !data_marks_[data];
}

std::vector<std::pair<uint32_t, ObjectId>> MarkTable::UnmarkedNodes() const {
  std::vector<std::pair<uint32_t, ObjectId>> unmarked;
  for (const auto& [domain, range] : ranges_) {
    for (size_t i = range.node_begin; i < range.node_end; ++i) {
      if (!node_marks_[i]) unmarked.emplace_back(domain, nodes_[i]);
    }
  }
  return unmarked;
}

uint64_t MarkTable::marked() const {
  return static_cast<uint64_t>(
      std::count(data_marks_.begin(), data_marks_.end(), true) +
      std::count(node_marks_.begin(), node_marks_.end(), true));
}

uint64_t MarkTable::memory_bytes() const {
  return data_.capacity() * sizeof(uint64_t) +
         nodes_.capacity() * sizeof(ObjectId) +
         (data_marks_.capacity() + node_marks_.capacity()) / 8;
}

}  // namespace nightsafe
