// OpenSSL objects that free themselves, and conversions this folder shares.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/pki/pki.h"

namespace nightsafe::pki {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
inline void FreeExtensions(STACK_OF(X509_EXTENSION) * stack) {
  sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
}

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using ExtensionPtr =
    std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

// INTERNAL "`what` failed: OpenSSL's reason"; empties OpenSSL's error queue.
absl::Status OpenSslError(absl::string_view what);

absl::StatusOr<KeyPtr> ParsePrivateKey(absl::string_view pem);
// OK if it is an EC key on P-256, else INVALID_ARGUMENT.
absl::Status CheckP256(const EVP_PKEY* key);
absl::StatusOr<PublicKeyFingerprint> FingerprintOf(const EVP_PKEY* key);
// INVALID_ARGUMENT unless all of `der` is one request that signs itself with a
// P-256 key.
absl::StatusOr<RequestPtr> ParseRequest(ByteView der);
// INVALID_ARGUMENT unless all of `der` is one certificate.
absl::StatusOr<CertificatePtr> ParseCertificate(ByteView der);

}  // namespace nightsafe::pki
