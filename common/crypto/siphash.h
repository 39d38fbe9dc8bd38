// SipHash-2-4 (https://www.aumasson.jp/siphash/siphash.pdf), 64 bits.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/bytes.h"

namespace nightsafe {

class SipHash {
 public:
  explicit SipHash(std::span<const std::byte, 16> key);
  uint64_t operator()(ByteView bytes) const;
  // As over the eight little-endian bytes of `value`.
  uint64_t operator()(uint64_t value) const;

 private:
  std::array<std::byte, 16> key_;
};

}  // namespace nightsafe
