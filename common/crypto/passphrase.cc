#include "common/crypto/passphrase.h"

#include <sodium.h>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/crypto/random.h"
#include "common/crypto/raw_bytes.h"

namespace nightsafe {
namespace {

static_assert(crypto_pwhash_argon2id_SALTBYTES == kKdfSaltBytes);
static_assert(crypto_pwhash_argon2id_MEMLIMIT_MIN == kMinKdfMemoryBytes);
static_assert(crypto_pwhash_argon2id_OPSLIMIT_MIN == 1);

constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

}  // namespace

absl::Status CheckKdfCost(uint64_t memory_bytes, uint32_t passes) {
  if (memory_bytes < kMinKdfMemoryBytes || memory_bytes > kMaxKdfMemoryBytes ||
      memory_bytes % 1024 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Argon2id memory of ", memory_bytes,
                     " bytes; allowed are whole KiB from ", kMinKdfMemoryBytes,
                     " to ", kMaxKdfMemoryBytes));
  }
  if (passes < 1 || passes > kMaxKdfPasses) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Argon2id passes ", passes, "; allowed are 1 to ", kMaxKdfPasses));
  }
  return absl::OkStatus();
}

absl::StatusOr<Secret32> KeyFromPassphrase(
    absl::string_view passphrase,
    std::span<const std::byte, kKdfSaltBytes> salt, uint64_t memory_bytes,
    uint32_t passes) {
  NS_CHECK(CheckKdfCost(memory_bytes, passes).ok());
  InitCrypto();
  Secret32 key;
  if (crypto_pwhash_argon2id(MutableRawBytes(key.mutable_view()), 32,
                             passphrase.data(), passphrase.size(),
                             RawBytes(salt), passes, memory_bytes,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("hashing the passphrase needs ", memory_bytes >> 20,
                     " MiB of memory, which this machine does not give"));
  }
  return key;
}

std::string SealWithRandomNonce(const Secret32& key, ByteView aad,
                                ByteView plain) {
  std::string sealed(kNonceBytes + plain.size() + kTagBytes, '\0');
  MutableBytes nonce = AsMutableBytes(sealed).first(kNonceBytes);
  FillRandom(nonce);
  NS_CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(
               MutableRawBytes(AsMutableBytes(sealed).subspan(kNonceBytes)),
               nullptr, RawBytes(plain), plain.size(), RawBytes(aad),
               aad.size(), nullptr, RawBytes(nonce),
               RawBytes(key.view())) == 0);
  return sealed;
}

absl::StatusOr<std::string> OpenWithNonce(const Secret32& key, ByteView aad,
                                          ByteView sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) {
    return absl::PermissionDeniedError("sealed bytes end before their tag");
  }
  const ByteView body = sealed.subspan(kNonceBytes);
  std::string plain(body.size() - kTagBytes, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          MutableRawBytes(AsMutableBytes(plain)), nullptr, nullptr,
          RawBytes(body), body.size(), RawBytes(aad), aad.size(),
          RawBytes(sealed), RawBytes(key.view())) != 0) {
    return absl::PermissionDeniedError("wrong passphrase, or a changed file");
  }
  return plain;
}

}  // namespace nightsafe
