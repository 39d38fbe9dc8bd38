#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/status.h"
#include "common/pki/openssl.h"
#include "common/pki/pki.h"

namespace nightsafe {

using pki::BioPtr;
using pki::KeyPtr;
using pki::OpenSslError;
using pki::RequestPtr;

absl::StatusOr<std::string> GeneratePrivateKeyPem() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("generating a key");
  BioPtr out(BIO_new(BIO_s_secmem()));
  if (out == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0,
                                    nullptr, nullptr) != 1) {
    return OpenSslError("encoding a key");
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(length));
}

absl::StatusOr<std::string> MakeCsrDer(absl::string_view private_key_pem) {
  NS_ASSIGN_OR_RETURN(KeyPtr key, pki::ParsePrivateKey(private_key_pem));
  NS_RETURN_IF_ERROR(pki::CheckP256(key.get()));
  RequestPtr request(X509_REQ_new());
  unsigned char* der = nullptr;
  if (request == nullptr ||
      X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return OpenSslError("making a certificate request");
  }
  // A damaged file can hold a public key that is not that of the secret.
  if (X509_REQ_verify(request.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "this private key does not fit its public key");
  }
  const int length = i2d_X509_REQ(request.get(), &der);
  if (length <= 0) return OpenSslError("encoding a certificate request");
  std::string result(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return result;
}

absl::StatusOr<PublicKeyFingerprint> CsrFingerprint(ByteView csr_der) {
  NS_ASSIGN_OR_RETURN(RequestPtr request, pki::ParseRequest(csr_der));
  return pki::FingerprintOf(X509_REQ_get0_pubkey(request.get()));
}

}  // namespace nightsafe
