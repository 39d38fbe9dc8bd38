// Keys and bytes that tests agree on.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "common/crypto/domain_keys.h"
#include "common/crypto/random.h"

namespace nightsafe {

// Keys of the domain whose secret is 32 times `fill`.
inline DomainKeys TestDomainKeys(char fill = 'k') {
  InitCrypto();
  const std::string secret(32, fill);
  return DomainKeys(Secret32::FromBytes(AsBytes(secret)).value());
}

// Little-endian words of std::mt19937_64(seed): the same on every machine.
inline std::string PseudoRandomBytes(size_t length, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes;
  bytes.reserve(length + 8);
  while (bytes.size() < length) {
    uint64_t word = random();
    for (int i = 0; i < 8; ++i, word >>= 8) {
      bytes.push_back(static_cast<char>(word));
    }
  }
  bytes.resize(length);
  return bytes;
}

// Text that compresses.
inline std::string CompressibleText(size_t length) {
  std::string text;
  for (uint64_t i = 0; text.size() < length; ++i) {
    text += "line " + std::to_string(i * i) + "\n";
  }
  text.resize(length);
  return text;
}

}  // namespace nightsafe
