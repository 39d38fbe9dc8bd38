#include "common/chunk/bundler.h"

#include "common/base/cursor.h"

namespace nightsafe {

bool BundleRule::EndsAfter(const Fingerprint& content, size_t size) {
  total_ += size;
  const uint64_t draw = ByteCursor(content.view()).U64();
  // draw / 2^64 < 2 · size / target, without rounding.
  __extension__ using Wide = unsigned __int128;
  const bool chosen = Wide{draw} * kBundleTargetBytes < (Wide{2} * size) << 64;
  const bool ends = (total_ >= kBundleTargetBytes / 2 && chosen) ||
                    total_ > 2 * kBundleTargetBytes;
  if (ends) Reset();
  return ends;
}

}  // namespace nightsafe
