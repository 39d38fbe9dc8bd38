// A message sealed under a passphrase: Argon2id, then XChaCha20-Poly1305. For
// this folder's own sources.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/crypto/secret.h"

namespace nightsafe {

inline constexpr uint64_t kMinKdfMemoryBytes = 8 << 10;
inline constexpr uint64_t kMaxKdfMemoryBytes = 1 << 30;
inline constexpr uint32_t kMaxKdfPasses = 16;
inline constexpr size_t kKdfSaltBytes = 16;

// INVALID_ARGUMENT unless memory is 8 KiB to 1 GiB in whole KiB and passes are
// 1 to 16.
absl::Status CheckKdfCost(uint64_t memory_bytes, uint32_t passes);

// Argon2id, one lane. The cost must have passed CheckKdfCost;
// RESOURCE_EXHAUSTED if the machine has not that much memory.
absl::StatusOr<Secret32> KeyFromPassphrase(
    absl::string_view passphrase,
    std::span<const std::byte, kKdfSaltBytes> salt, uint64_t memory_bytes,
    uint32_t passes);

// 24 random bytes of nonce, ciphertext, tag.
std::string SealWithRandomNonce(const Secret32& key, ByteView aad,
                                ByteView plain);
// PERMISSION_DENIED if it was not sealed with this key and associated data.
absl::StatusOr<std::string> OpenWithNonce(const Secret32& key, ByteView aad,
                                          ByteView sealed);

}  // namespace nightsafe
