#include "common/object/compression.h"

#include <zstd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/cursor.h"

namespace nightsafe {
namespace {

// Largest window a frame may ask of its reader. What is compressed here is at
// most kMaxPlainBytes, so no level exceeds it.
constexpr int kMaxWindowLog = 24;

void Set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  NS_CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
}

}  // namespace

Compressor::Compressor(int level) : context_(ZSTD_createCCtx()) {
  NS_CHECK(context_ != nullptr);
  Set(context_, ZSTD_c_compressionLevel, level);
  Set(context_, ZSTD_c_contentSizeFlag, 1);
  Set(context_, ZSTD_c_checksumFlag, 0);
  Set(context_, ZSTD_c_dictIDFlag, 0);
  Set(context_, ZSTD_c_nbWorkers, 0);
}

Compressor::~Compressor() { ZSTD_freeCCtx(context_); }

size_t Compressor::Bound(size_t length) { return ZSTD_compressBound(length); }

absl::StatusOr<size_t> Compressor::Compress(ByteView plain, MutableBytes out) {
  const size_t length = ZSTD_compress2(context_, out.data(), out.size(),
                                       plain.data(), plain.size());
  if (ZSTD_isError(length)) {
    return absl::InternalError(
        absl::StrCat("compression failed: ", ZSTD_getErrorName(length)));
  }
  return length;
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {
  NS_CHECK(context_ != nullptr);
  NS_CHECK(!ZSTD_isError(
      ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog)));
}

Decompressor::~Decompressor() { ZSTD_freeDCtx(context_); }

absl::Status Decompressor::Decompress(ByteView frame, MutableBytes out) {
  // The library would also take skippable and legacy frames, and several.
  if (ByteCursor(frame).U32() != ZSTD_MAGICNUMBER) {
    return absl::DataLossError("compressed payload is not a zstd frame");
  }
  const unsigned long long claimed =
      ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed != out.size()) {
    return absl::DataLossError(
        absl::StrCat("compressed payload does not say that it holds ",
                     out.size(), " bytes"));
  }
  const size_t frame_length =
      ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (frame_length != frame.size()) {
    return absl::DataLossError("compressed payload is not one whole frame");
  }
  const size_t length = ZSTD_decompressDCtx(context_, out.data(), out.size(),
                                            frame.data(), frame.size());
  if (ZSTD_isError(length)) {
    return absl::DataLossError(absl::StrCat("compressed payload is damaged: ",
                                            ZSTD_getErrorName(length)));
  }
  if (length != out.size()) {
    return absl::DataLossError(absl::StrCat("compressed payload gives ", length,
                                            " bytes, ", out.size(),
                                            " expected"));
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
