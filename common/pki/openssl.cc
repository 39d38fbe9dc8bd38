#include "common/pki/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe::pki {
namespace {

// Longer inputs are not keys, requests or certificates of ours.
constexpr size_t kMaxEncodedBytes = 64 << 10;

// No prompt on the terminal for an encrypted key.
int NoPassphrase(char*, int, int, void*) { return -1; }

template <typename Ptr, typename Object>
absl::StatusOr<Ptr> ParseDer(ByteView der, absl::string_view what,
                             Object* (*parse)(Object**, const unsigned char**,
                                              long)) {
  if (der.size() > kMaxEncodedBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " of ", der.size(), " bytes, limit ", kMaxEncodedBytes));
  }
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* at = begin;
  Ptr object(parse(nullptr, &at, static_cast<long>(der.size())));
  if (object == nullptr || at != begin + der.size()) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("these bytes are not one ", what));
  }
  return object;
}

}  // namespace

absl::Status OpenSslError(absl::string_view what) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  ERR_clear_error();
  return absl::InternalError(
      absl::StrCat(what, " failed: ", absl::string_view(reason.data())));
}

absl::StatusOr<KeyPtr> ParsePrivateKey(absl::string_view pem) {
  if (pem.size() > kMaxEncodedBytes) {
    return absl::InvalidArgumentError("private key is too long");
  }
  BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("this text is not a PEM private key");
  }
  return key;
}

absl::Status CheckP256(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  size_t length = 0;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1 ||
      absl::string_view(group.data(), length) != "prime256v1") {
    ERR_clear_error();
    return absl::InvalidArgumentError("the key is not an EC key on P-256");
  }
  return absl::OkStatus();
}

absl::StatusOr<PublicKeyFingerprint> FingerprintOf(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  if (length <= 0) return OpenSslError("encoding a public key");
  PublicKeyFingerprint fingerprint;
  unsigned int size = 0;
  const int hashed =
      EVP_Digest(der, static_cast<size_t>(length),
                 reinterpret_cast<unsigned char*>(fingerprint.bytes.data()),
                 &size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  if (hashed != 1) return OpenSslError("hashing a public key");
  return fingerprint;
}

absl::StatusOr<RequestPtr> ParseRequest(ByteView der) {
  NS_ASSIGN_OR_RETURN(
      RequestPtr request,
      ParseDer<RequestPtr>(der, "certificate request", d2i_X509_REQ));
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("certificate request without a key");
  }
  NS_RETURN_IF_ERROR(CheckP256(key));
  if (X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "certificate request is not signed by its own key");
  }
  return request;
}

absl::StatusOr<CertificatePtr> ParseCertificate(ByteView der) {
  return ParseDer<CertificatePtr>(der, "certificate", d2i_X509);
}

}  // namespace nightsafe::pki
