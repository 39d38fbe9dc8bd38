// ChaCha20-Poly1305 (RFC 8439), with nonce 0.
//
// Each key here encrypts exactly one message: it is derived from that message
// (objects) or fresh for it (seals, key files), so a constant nonce never meets
// the same key with another message.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/blake3.h"

namespace nightsafe {

inline constexpr size_t kAeadTagBytes = 16;

// Appends ciphertext and tag (plain.size() + 16 bytes) to `out`, which must not
// alias the inputs.
void SealOnce(KeyView key, ByteView aad, ByteView plain, std::string& out);

// The plaintext; DATA_LOSS if key, associated data or ciphertext is not the one
// that was sealed.
absl::StatusOr<std::string> OpenOnce(KeyView key, ByteView aad,
                                     ByteView sealed);

}  // namespace nightsafe
