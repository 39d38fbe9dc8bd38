// The input of a target, taken apart from its front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/bytes.h"

namespace nightsafe {

// Behind the end numbers are zero and pieces empty, so that every input is one.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : rest_(std::as_bytes(std::span(data, size))) {}

  bool done() const { return rest_.empty(); }
  uint64_t Number(size_t bytes = 1) {
    uint64_t value = 0;
    for (std::byte b : Take(bytes)) {
      value = value << 8 | std::to_integer<uint64_t>(b);
    }
    return value;
  }
  // Less than `bound`, which is 1 to 256.
  size_t Below(size_t bound) { return Number() % bound; }
  bool Flag() { return Number() % 2 == 1; }
  // Up to `length` bytes.
  ByteView Take(size_t length) {
    const ByteView taken = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  // A length (in `width` bytes), then that much.
  ByteView Piece(size_t width = 1) {
    return Take(static_cast<size_t>(Number(width)));
  }
  std::string Text(size_t width = 1) {
    return std::string(AsText(Piece(width)));
  }
  ByteView Rest() { return Take(rest_.size()); }
  std::string RestText() { return std::string(AsText(Rest())); }
  template <typename IdType>
  IdType Fixed() {
    IdType id;
    const ByteView taken = Take(id.bytes.size());
    std::copy(taken.begin(), taken.end(), id.bytes.begin());
    return id;
  }

 private:
  ByteView rest_;
};

}  // namespace nightsafe
