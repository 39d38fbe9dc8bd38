// Ed25519 (RFC 8032).
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/secret.h"

namespace nightsafe {

using Signature = Id<struct SignatureTag, 64>;
using VerifyKey = Id<struct VerifyKeyTag, 32>;
// A hash of a public key, with its use.
using KeyId = Id<struct KeyIdTag, 32>;

// Holds the 32-byte seed; move-only.
class SigningKey {
 public:
  static SigningKey Generate();
  static SigningKey FromSeed(const Secret32& seed);

  const Secret32& seed() const { return seed_; }
  const VerifyKey& verify_key() const { return verify_key_; }
  // Signs `context` (u32 length, bytes), then `message`. The context is a
  // constant of the program, one for each kind of statement.
  Signature Sign(absl::string_view context, ByteView message) const;

 private:
  SigningKey(Secret32 seed, const VerifyKey& verify_key)
      : seed_(std::move(seed)), verify_key_(verify_key) {}
  Secret32 seed_;
  VerifyKey verify_key_;
};

// OK or PERMISSION_DENIED.
absl::Status VerifySignature(const VerifyKey& key, absl::string_view context,
                             ByteView message, const Signature& signature);

KeyId KeyIdOf(const VerifyKey& key);

}  // namespace nightsafe
