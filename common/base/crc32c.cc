#include "common/base/crc32c.h"

#include <array>
#include <cstring>

namespace nightsafe {
namespace {

constexpr uint32_t kReversedPolynomial = 0x82f63b78;

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? kReversedPolynomial : 0);
    }
    table[i] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kTable = MakeTable();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t HardwareCrc32c(ByteView bytes,
                                                          uint32_t crc) {
  uint64_t state = ~crc;
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state = __builtin_ia32_crc32di(state, word);
    bytes = bytes.subspan(8);
  }
  uint32_t tail = static_cast<uint32_t>(state);
  for (std::byte b : bytes) {
    tail = __builtin_ia32_crc32qi(tail, std::to_integer<uint8_t>(b));
  }
  return ~tail;
}
#endif

}  // namespace

uint32_t PortableCrc32c(ByteView bytes, uint32_t crc) {
  uint32_t state = ~crc;
  for (std::byte b : bytes) {
    state =
        kTable[(state ^ std::to_integer<uint32_t>(b)) & 0xff] ^ (state >> 8);
  }
  return ~state;
}

uint32_t Crc32c(ByteView bytes, uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return HardwareCrc32c(bytes, crc);
#endif
  return PortableCrc32c(bytes, crc);
}

}  // namespace nightsafe
