#include "common/chunk/chunker.h"

#include <algorithm>
#include <array>
#include <limits>

namespace nightsafe {
namespace {

constexpr size_t kWindowBytes = 64;
// The top 10 bits are zero.
constexpr uint64_t kCandidateBelow = uint64_t{1} << (64 - 10);
constexpr uint64_t kAcceptBelow = std::numeric_limits<uint64_t>::max() / 750;

uint64_t Roll(const std::array<uint64_t, 256>& table, uint64_t gear,
              std::byte next) {
  return (gear << 1) + table[std::to_integer<size_t>(next)];
}

// The first position in [kMinChunkBytes, bytes.size()] that is a candidate and
// accepted; 0 if there is none.
size_t FindCut(const std::array<uint64_t, 256>& table, const SipHash& sip,
               ByteView bytes) {
  uint64_t gear = 0;
  for (std::byte b :
       bytes.subspan(kMinChunkBytes - kWindowBytes, kWindowBytes - 1)) {
    gear = Roll(table, gear, b);
  }
  const std::byte* const begin = bytes.data();
  const std::byte* const end = begin + bytes.size();
  const std::byte* p = begin + kMinChunkBytes - 1;
  const auto cut_behind = [&](const std::byte* b) {
    gear = Roll(table, gear, *b);
    return gear < kCandidateBelow && sip(gear) < kAcceptBelow;
  };
  // Unrolled: the test for the end would cost a third of the speed.
  for (; end - p >= 16; p += 16) {
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) {
      if (cut_behind(p + i)) return static_cast<size_t>(p + i + 1 - begin);
    }
  }
  for (; p != end; ++p) {
    if (cut_behind(p)) return static_cast<size_t>(p + 1 - begin);
  }
  return 0;
}

}  // namespace

Chunker::Chunker(const DomainKeys& keys)
    : keys_(keys), sip_(keys.cut_key.view()) {}

size_t Chunker::NextCut(ByteView buffered, bool at_end) const {
  const size_t length = buffered.size();
  if (length >= 2 * kMinChunkBytes) {
    const size_t last = std::min(kMaxChunkBytes, length - kMinChunkBytes);
    if (const size_t cut =
            FindCut(keys_.gear_table, sip_, buffered.first(last));
        cut != 0) {
      return cut;
    }
  }
  if (length >= kMaxChunkBytes + kMinChunkBytes) return kMaxChunkBytes;
  if (!at_end) return 0;
  return length > kMaxChunkBytes ? length - kMinChunkBytes : length;
}

}  // namespace nightsafe
