#include "common/tree/boundary.h"

#include <string>

#include "common/base/cursor.h"

namespace nightsafe {
namespace {

// One in 128.
constexpr uint64_t kChosenBelow = uint64_t{1} << 57;

}  // namespace

bool BoundaryRule::Chosen(uint32_t level, ByteView first,
                          ByteView second) const {
  std::string input;
  input.reserve(1 + first.size() + second.size());
  PutU8(static_cast<uint8_t>(level), input);
  AppendBytes(first, input);
  AppendBytes(second, input);
  return sip_(AsBytes(input)) < kChosenBelow;
}

bool BoundaryRule::EndsAfter(uint32_t level, const PathKey& key) const {
  // The terminator cannot occur in a path: no two keys have the same bytes.
  const ByteView directory =
      std::as_bytes(std::span(key.directory.c_str(), key.directory.size() + 1));
  return Chosen(level, directory, AsBytes(key.name));
}

bool BoundaryRule::EndsAfter(uint32_t level, const ObjectId& id) const {
  return Chosen(level, id.view(), {});
}

}  // namespace nightsafe
