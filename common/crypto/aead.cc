#include "common/crypto/aead.h"

#include <openssl/evp.h>
#include <openssl/provider.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/base/check.h"
#include "common/crypto/raw_bytes.h"

namespace nightsafe {
namespace {

// OpenSSL's implementation is more than twice as fast as libsodium's. It comes
// from a library context of our own, so that no system-wide configuration
// (openssl.cnf, FIPS) can take the algorithm away.
const EVP_CIPHER* Cipher() {
  static const EVP_CIPHER* const cipher = [] {
    OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
    NS_CHECK(library != nullptr);
    NS_CHECK(OSSL_PROVIDER_load(library, "default") != nullptr);
    const EVP_CIPHER* found =
        EVP_CIPHER_fetch(library, "ChaCha20-Poly1305", nullptr);
    NS_CHECK(found != nullptr);
    return found;
  }();
  return cipher;
}

struct FreeContext {
  // Erases the key schedule.
  void operator()(EVP_CIPHER_CTX* context) { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

enum class Direction : int { kOpen = 0, kSeal = 1 };

bool FitsInt(size_t size) { return size <= INT_MAX; }

Context Start(Direction direction, KeyView key, ByteView aad) {
  static constexpr uint8_t kZeroNonce[12] = {};
  Context context(EVP_CIPHER_CTX_new());
  NS_CHECK(context != nullptr);
  NS_CHECK(EVP_CipherInit_ex2(context.get(), Cipher(), RawBytes(key),
                              kZeroNonce, static_cast<int>(direction),
                              nullptr) == 1);
  int length = 0;
  if (!aad.empty()) {
    NS_CHECK(EVP_CipherUpdate(context.get(), nullptr, &length, RawBytes(aad),
                              static_cast<int>(aad.size())) == 1);
  }
  return context;
}

// ChaCha20 is a stream cipher: as many bytes come out as go in.
void Crypt(EVP_CIPHER_CTX* context, ByteView in, MutableBytes out) {
  if (in.empty()) return;
  int length = 0;
  NS_CHECK(EVP_CipherUpdate(context, MutableRawBytes(out), &length,
                            RawBytes(in), static_cast<int>(in.size())) == 1);
  NS_CHECK(static_cast<size_t>(length) == in.size());
}

}  // namespace

void SealOnce(KeyView key, ByteView aad, ByteView plain, std::string& out) {
  NS_CHECK(FitsInt(plain.size()) && FitsInt(aad.size()));
  const size_t begin = out.size();
  out.resize(begin + plain.size() + kAeadTagBytes);
  MutableBytes sealed = AsMutableBytes(out).subspan(begin);
  Context context = Start(Direction::kSeal, key, aad);
  Crypt(context.get(), plain, sealed);
  MutableBytes tag = sealed.last(kAeadTagBytes);
  int length = 0;
  NS_CHECK(EVP_CipherFinal_ex(context.get(), MutableRawBytes(tag), &length) ==
           1);
  NS_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG,
                               kAeadTagBytes, tag.data()) == 1);
}

absl::StatusOr<std::string> OpenOnce(KeyView key, ByteView aad,
                                     ByteView sealed) {
  if (sealed.size() < kAeadTagBytes) {
    return absl::DataLossError("sealed bytes end before their tag");
  }
  if (!FitsInt(sealed.size()) || !FitsInt(aad.size())) {
    return absl::DataLossError("sealed bytes are longer than 2 GiB");
  }
  const ByteView body = sealed.first(sealed.size() - kAeadTagBytes);
  std::byte tag[kAeadTagBytes];
  std::copy_n(sealed.last(kAeadTagBytes).begin(), kAeadTagBytes, tag);
  Context context = Start(Direction::kOpen, key, aad);
  NS_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG,
                               kAeadTagBytes, tag) == 1);
  std::string plain(body.size(), '\0');
  Crypt(context.get(), body, AsMutableBytes(plain));
  int length = 0;
  if (EVP_CipherFinal_ex(context.get(), reinterpret_cast<uint8_t*>(tag),
                         &length) != 1) {
    return absl::DataLossError(
        "sealed bytes do not match their key, tag or associated data");
  }
  return plain;
}

}  // namespace nightsafe
