// A short message sealed to an X25519 public key: ephemeral key, BLAKE3
// derive-key over (shared secret, ephemeral, recipient, header), then AEAD.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/secret.h"
#include "common/crypto/signature.h"

namespace nightsafe {

using BoxPublicKey = Id<struct BoxPublicKeyTag, 32>;
KeyId KeyIdOf(const BoxPublicKey& key);

// An X25519 pair; move-only.
class BoxKey {
 public:
  static BoxKey Generate();
  static BoxKey FromSecret(const Secret32& secret);
  const Secret32& secret() const { return secret_; }
  const BoxPublicKey& public_key() const { return public_key_; }

 private:
  BoxKey(Secret32 secret, const BoxPublicKey& public_key)
      : secret_(std::move(secret)), public_key_(public_key) {}
  Secret32 secret_;
  BoxPublicKey public_key_;
};

// ephemeral public key (32 bytes) ‖ AEAD(plain, aad). `context` is a constant
// of the program; `aad` is authenticated, not sent. INVALID_ARGUMENT for a
// public key of low order.
absl::StatusOr<std::string> SealTo(const BoxPublicKey& recipient,
                                   absl::string_view context, ByteView aad,
                                   ByteView plain);
// DATA_LOSS if it was not sealed to this key with this context and aad.
absl::StatusOr<std::string> OpenSealed(const BoxKey& key,
                                       absl::string_view context, ByteView aad,
                                       ByteView sealed);

}  // namespace nightsafe
