// zstd as objects use it: one-shot, one frame, a pure function of bytes and
// level. The only user of zstd.h.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

struct ZSTD_DCtx_s;

namespace nightsafe {

class Compressor {
 public:
  explicit Compressor(int level) : level_(level) {}

  // Bytes that hold any result for `length` bytes of input.
  static size_t Bound(size_t length);
  // The frame's length in `out`, which has Bound(plain.size()) bytes. INTERNAL
  // if the library fails.
  absl::StatusOr<size_t> Compress(ByteView plain, MutableBytes out) const;

 private:
  const int level_;
};

// One per thread.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Fills `out` from exactly one frame that says its length. DATA_LOSS if
  // `frame` is anything else, or of another length. Memory: a constant.
  absl::Status Decompress(ByteView frame, MutableBytes out);

 private:
  ZSTD_DCtx_s* context_;
};

}  // namespace nightsafe
