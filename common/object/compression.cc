#include "common/object/compression.h"

#include <zstd.h>

#include <memory>

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

struct FreeContext {
  void operator()(ZSTD_CCtx* context) { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, FreeContext>;

// A new one for each frame: in a used one the library may keep a state (such as
// the salt of its match finder, from 1.5.5 on) that changes its output. Costs
// about 1 % of the time.
Context MakeContext(int level) {
  Context context(ZSTD_createCCtx());
  NS_CHECK(context != nullptr);
  Set(context.get(), ZSTD_c_compressionLevel, level);
  Set(context.get(), ZSTD_c_contentSizeFlag, 1);
  Set(context.get(), ZSTD_c_checksumFlag, 0);
  Set(context.get(), ZSTD_c_dictIDFlag, 0);
  Set(context.get(), ZSTD_c_nbWorkers, 0);
  return context;
}

}  // namespace

size_t Compressor::Bound(size_t length) { return ZSTD_compressBound(length); }

absl::StatusOr<size_t> Compressor::Compress(ByteView plain,
                                            MutableBytes out) const {
  const Context context = MakeContext(level_);
  const size_t length = ZSTD_compress2(context.get(), out.data(), out.size(),
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
