#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "common/base/status.h"
#include "common/pki/openssl.h"
#include "common/pki/pki.h"

namespace nightsafe {

using pki::BioPtr;
using pki::CertificatePtr;
using pki::NamesPtr;
using pki::OpenSslError;

namespace {

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("certificate with a malformed date");
  }
  return absl::FromTM(parts, absl::UTCTimeZone());
}

absl::Status ReadAlternativeNames(const X509* certificate,
                                  CertificateView& view) {
  int critical = -1;
  NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  if (names == nullptr) {
    ERR_clear_error();
    if (critical == -1) return absl::OkStatus();  // there are none
    return absl::InvalidArgumentError(
        "certificate with malformed or repeated alternative names");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) {
      ++view.other_sans;
      continue;
    }
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    view.uri_sans.emplace_back(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
        static_cast<size_t>(ASN1_STRING_length(uri)));
  }
  return absl::OkStatus();
}

absl::StatusOr<CertificateView> Inspect(X509* certificate) {
  CertificateView view;
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("certificate without a readable key");
  }
  NS_ASSIGN_OR_RETURN(view.fingerprint, pki::FingerprintOf(key));
  const uint32_t flags = X509_get_extension_flags(certificate);
  if ((flags & EXFLAG_INVALID) != 0) {
    ERR_clear_error();
    return absl::InvalidArgumentError("certificate with invalid extensions");
  }
  view.is_ca = X509_check_ca(certificate) != 0;
  // Without the extension OpenSSL says "all uses": that is not clientAuth.
  view.client_auth = (flags & EXFLAG_XKUSAGE) != 0 &&
                     X509_get_extended_key_usage(certificate) == XKU_SSL_CLIENT;
  NS_ASSIGN_OR_RETURN(view.not_before,
                      TimeOf(X509_get0_notBefore(certificate)));
  NS_ASSIGN_OR_RETURN(view.not_after, TimeOf(X509_get0_notAfter(certificate)));
  NS_RETURN_IF_ERROR(ReadAlternativeNames(certificate, view));
  return view;
}

absl::StatusOr<std::string> EncodeDer(X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  if (length <= 0) return OpenSslError("encoding a certificate");
  std::string result(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return result;
}

}  // namespace

absl::StatusOr<CertificateView> InspectCertificateDer(ByteView der) {
  NS_ASSIGN_OR_RETURN(CertificatePtr certificate, pki::ParseCertificate(der));
  return Inspect(certificate.get());
}

absl::StatusOr<CertificateView> InspectCertificatePem(absl::string_view pem) {
  NS_ASSIGN_OR_RETURN(std::string der, PemToDer(pem));
  return InspectCertificateDer(AsBytes(der));
}

absl::Status CheckPrivateKeyPem(absl::string_view pem) {
  NS_ASSIGN_OR_RETURN(pki::KeyPtr key, pki::ParsePrivateKey(pem));
  return pki::CheckP256(key.get());
}

absl::Status CheckCertificatePem(absl::string_view pem,
                                 absl::string_view private_key_pem,
                                 absl::string_view ca_pem) {
  NS_ASSIGN_OR_RETURN(pki::KeyPtr key, pki::ParsePrivateKey(private_key_pem));
  NS_ASSIGN_OR_RETURN(std::string der, PemToDer(pem));
  NS_ASSIGN_OR_RETURN(CertificatePtr certificate,
                      pki::ParseCertificate(AsBytes(der)));
  NS_ASSIGN_OR_RETURN(std::string ca_der, PemToDer(ca_pem));
  NS_ASSIGN_OR_RETURN(CertificatePtr ca,
                      pki::ParseCertificate(AsBytes(ca_der)));
  const bool same_key =
      X509_check_private_key(certificate.get(), key.get()) == 1;
  EVP_PKEY* issuer = X509_get0_pubkey(ca.get());
  const bool issued =
      issuer != nullptr && X509_verify(certificate.get(), issuer) == 1;
  ERR_clear_error();
  if (!same_key) {
    return absl::InvalidArgumentError("the certificate is of another key");
  }
  if (issued) return absl::OkStatus();
  return absl::InvalidArgumentError("the certificate is not signed by its CA");
}

std::string DerToPem(ByteView der) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio(out.get(), PEM_STRING_X509, "",
                reinterpret_cast<const unsigned char*>(der.data()),
                static_cast<long>(der.size()));
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(length));
}

absl::StatusOr<std::string> PemToDer(absl::string_view pem) {
  BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CertificatePtr certificate(
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("this text is not a PEM certificate");
  }
  CertificatePtr second(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (second != nullptr) {
    return absl::InvalidArgumentError("more than one PEM certificate");
  }
  return EncodeDer(certificate.get());
}

}  // namespace nightsafe
