// Bytes as C libraries take them. For this folder's own sources.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace nightsafe {

inline const uint8_t* RawBytes(ByteView bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

inline uint8_t* MutableRawBytes(MutableBytes bytes) {
  return reinterpret_cast<uint8_t*>(bytes.data());
}

}  // namespace nightsafe
