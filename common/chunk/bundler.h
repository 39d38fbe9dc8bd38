// Where bundles of small files end. Pure. FORMAT.md has the rule.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/ids.h"

namespace nightsafe {

inline constexpr size_t kBundleTargetBytes = 512 << 10;
inline constexpr size_t kMaxBundleEntriesBehind = 65536;
inline constexpr size_t kMaxEncodedBytesBehind = 8 << 20;

class BundleRule {
 public:
  // A file of `size` bytes (1 to kSmallFileBytes - 1) with this keyed content
  // hash was appended: does the bundle end behind it? Resets itself if so.
  bool EndsAfter(const Fingerprint& content, size_t size);
  // The bundle was ended for another reason (too much waits behind it).
  void Reset() { total_ = 0; }
  size_t total_bytes() const { return total_; }

 private:
  size_t total_ = 0;
};

}  // namespace nightsafe
