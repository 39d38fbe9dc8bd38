#include "common/crypto/siphash.h"

#include <sodium.h>

#include <algorithm>

#include "common/crypto/raw_bytes.h"

namespace nightsafe {

static_assert(crypto_shorthash_KEYBYTES == 16);
static_assert(crypto_shorthash_BYTES == 8);

SipHash::SipHash(std::span<const std::byte, 16> key) {
  std::copy(key.begin(), key.end(), key_.begin());
}

uint64_t SipHash::operator()(ByteView bytes) const {
  uint8_t raw[8];
  crypto_shorthash(raw, RawBytes(bytes), bytes.size(), RawBytes(key_));
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= uint64_t{raw[i]} << (8 * i);
  return value;
}

uint64_t SipHash::operator()(uint64_t value) const {
  std::array<std::byte, 8> raw;
  for (size_t i = 0; i < 8; ++i) {
    raw[i] = static_cast<std::byte>(value >> (8 * i));
  }
  return (*this)(ByteView(raw));
}

}  // namespace nightsafe
