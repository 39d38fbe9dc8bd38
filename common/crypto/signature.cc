#include "common/crypto/signature.h"

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/crypto/raw_bytes.h"

namespace nightsafe {
namespace {

static_assert(crypto_sign_SEEDBYTES == 32);
static_assert(crypto_sign_PUBLICKEYBYTES == VerifyKey::kSize);
static_assert(crypto_sign_BYTES == Signature::kSize);

std::string Statement(absl::string_view context, ByteView message) {
  std::string statement;
  statement.reserve(4 + context.size() + message.size());
  PutLengthPrefixed(AsBytes(context), statement);
  AppendBytes(message, statement);
  return statement;
}

}  // namespace

SigningKey SigningKey::Generate() { return FromSeed(RandomSecret()); }

SigningKey SigningKey::FromSeed(const Secret32& seed) {
  InitCrypto();
  VerifyKey verify_key;
  Secret<crypto_sign_SECRETKEYBYTES> expanded;
  NS_CHECK(crypto_sign_seed_keypair(MutableRawBytes(verify_key.bytes),
                                    MutableRawBytes(expanded.mutable_view()),
                                    RawBytes(seed.view())) == 0);
  return SigningKey(seed.Clone(), verify_key);
}

Signature SigningKey::Sign(absl::string_view context, ByteView message) const {
  // libsodium's secret key is seed ‖ public key.
  Secret<crypto_sign_SECRETKEYBYTES> expanded;
  std::copy_n(seed_.view().begin(), 32, expanded.mutable_view().begin());
  std::copy_n(verify_key_.bytes.begin(), 32,
              expanded.mutable_view().begin() + 32);
  const std::string statement = Statement(context, message);
  Signature signature;
  NS_CHECK(crypto_sign_detached(MutableRawBytes(signature.bytes), nullptr,
                                RawBytes(AsBytes(statement)), statement.size(),
                                RawBytes(expanded.view())) == 0);
  return signature;
}

absl::Status VerifySignature(const VerifyKey& key, absl::string_view context,
                             ByteView message, const Signature& signature) {
  InitCrypto();
  const std::string statement = Statement(context, message);
  if (crypto_sign_verify_detached(
          RawBytes(signature.view()), RawBytes(AsBytes(statement)),
          statement.size(), RawBytes(key.view())) != 0) {
    return absl::PermissionDeniedError("signature is not by this key");
  }
  return absl::OkStatus();
}

KeyId KeyIdOf(const VerifyKey& key) {
  return KeyId{DeriveHash("nightsafe ed25519 key id v1", {key.view()})};
}

}  // namespace nightsafe
