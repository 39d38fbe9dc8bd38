// CRC-32C (Castagnoli; RFC 3720, appendix B.4): finds accidental damage of
// short headers and records cheaply. No protection against intent.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace nightsafe {

// Of `bytes`, or of all bytes so far if `crc` is the value of those before.
uint32_t Crc32c(ByteView bytes, uint32_t crc = 0);

// Without processor instructions; the same value. For tests and old machines.
uint32_t PortableCrc32c(ByteView bytes, uint32_t crc = 0);

}  // namespace nightsafe
