// Limits of the formats and the protocol, in one place. Every decoder tests
// against one of these before it allocates.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nightsafe {

inline constexpr uint8_t kSuite = 1;

inline constexpr size_t kMaxObjectBytes = 8 << 20;
inline constexpr size_t kMaxObjectRefs = 4096;
inline constexpr size_t kMaxManifestBytes = 64 << 10;
// Plaintext of one object after decompression.
inline constexpr size_t kMaxPlainBytes = 8 << 20;

inline constexpr size_t kMaxTreeDepth = 64;
inline constexpr size_t kMaxNodeEntries = 1024;
inline constexpr size_t kMaxNodePlainBytes = 4 << 20;
inline constexpr size_t kMaxInlineExtents = 8;
inline constexpr size_t kMaxExtentsPerNode = 1024;
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 64 << 10;
inline constexpr size_t kMaxSymlinkBytes = 4096;
inline constexpr size_t kMaxXattrBytes = 256 << 10;

inline constexpr size_t kMaxOfferIds = 4096;
inline constexpr size_t kMaxUnansweredOffers = 16;
inline constexpr size_t kMaxMissingIds = 65536;
// Both sides of a deposit or retrieve stream.
inline constexpr size_t kMaxMessageBytes = 9 << 20;

}  // namespace nightsafe
