// Content-defined cut points of large files and streams. Pure: bytes in, cuts
// out. FORMAT.md has the rule; it must never change within a domain.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/crypto/domain_keys.h"
#include "common/crypto/siphash.h"

namespace nightsafe {

inline constexpr size_t kMinChunkBytes = 256 << 10;
inline constexpr size_t kMaxChunkBytes = 4 << 20;
// Files below this are bundled, not chunked.
inline constexpr size_t kSmallFileBytes = 256 << 10;
// Holes of at least this many bytes are kept as holes.
inline constexpr size_t kMinHoleBytes = 64 << 10;

class Chunker {
 public:
  // Borrows `keys`.
  explicit Chunker(const DomainKeys& keys);

  // Length of the next chunk of a segment of which `buffered` comes next.
  // 0: not decided yet, more bytes are needed (never with at_end, nor with
  // kMaxChunkBytes + kMinChunkBytes bytes buffered). With `at_end` the segment
  // ends with `buffered`. No cut falls into the last kMinChunkBytes of a
  // segment. The answer does not depend on how the bytes arrived.
  size_t NextCut(ByteView buffered, bool at_end) const;

 private:
  const DomainKeys& keys_;
  const SipHash sip_;
};

}  // namespace nightsafe
