#include "common/crypto/sealed_box.h"

#include <sodium.h>

#include <cstdint>
#include <optional>

#include "common/base/check.h"
#include "common/crypto/aead.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/crypto/raw_bytes.h"

namespace nightsafe {
namespace {

static_assert(crypto_scalarmult_BYTES == BoxPublicKey::kSize);
static_assert(crypto_scalarmult_SCALARBYTES == 32);

// Nothing for a public key of low order, with which everybody would share the
// same secret.
std::optional<Secret32> Exchange(const Secret32& secret,
                                 const BoxPublicKey& other) {
  Secret32 shared;
  if (crypto_scalarmult(MutableRawBytes(shared.mutable_view()),
                        RawBytes(secret.view()), RawBytes(other.view())) != 0) {
    return std::nullopt;
  }
  return shared;
}

// Fresh for each message, since the ephemeral key is: nonce 0 is safe.
Secret32 MessageKey(absl::string_view context, const Secret32& shared,
                    const BoxPublicKey& ephemeral,
                    const BoxPublicKey& recipient, ByteView aad) {
  Hash32 hash = DeriveHash(
      context, {shared.view(), ephemeral.view(), recipient.view(), aad});
  Secret32 key{hash};
  EraseBytes(hash);
  return key;
}

}  // namespace

KeyId KeyIdOf(const BoxPublicKey& key) {
  return KeyId{DeriveHash("nightsafe x25519 key id v1", {key.view()})};
}

BoxKey BoxKey::Generate() { return FromSecret(RandomSecret()); }

BoxKey BoxKey::FromSecret(const Secret32& secret) {
  InitCrypto();
  BoxPublicKey public_key;
  NS_CHECK(crypto_scalarmult_base(MutableRawBytes(public_key.bytes),
                                  RawBytes(secret.view())) == 0);
  return BoxKey(secret.Clone(), public_key);
}

absl::StatusOr<std::string> SealTo(const BoxPublicKey& recipient,
                                   absl::string_view context, ByteView aad,
                                   ByteView plain) {
  const BoxKey ephemeral = BoxKey::Generate();
  std::optional<Secret32> shared = Exchange(ephemeral.secret(), recipient);
  if (!shared) {
    return absl::InvalidArgumentError("public key of low order");
  }
  const Secret32 key =
      MessageKey(context, *shared, ephemeral.public_key(), recipient, aad);
  std::string sealed;
  sealed.reserve(BoxPublicKey::kSize + plain.size() + kAeadTagBytes);
  AppendBytes(ephemeral.public_key().view(), sealed);
  SealOnce(key.view(), aad, plain, sealed);
  return sealed;
}

absl::StatusOr<std::string> OpenSealed(const BoxKey& key,
                                       absl::string_view context, ByteView aad,
                                       ByteView sealed) {
  if (sealed.size() < BoxPublicKey::kSize + kAeadTagBytes) {
    return absl::DataLossError("sealed message ends early");
  }
  const auto ephemeral = BoxPublicKey::FromValidBytes(sealed);
  std::optional<Secret32> shared = Exchange(key.secret(), ephemeral);
  if (!shared) {
    return absl::DataLossError("sealed message names a key of low order");
  }
  const Secret32 message_key =
      MessageKey(context, *shared, ephemeral, key.public_key(), aad);
  return OpenOnce(message_key.view(), aad, sealed.subspan(BoxPublicKey::kSize));
}

}  // namespace nightsafe
