#include "tests/support/forged_certificate.h"

#include <openssl/rand.h>

#include "common/base/check.h"
#include "common/pki/openssl.h"

namespace nightsafe {
namespace {

using pki::CertificatePtr;
using pki::ExtensionPtr;
using pki::KeyPtr;
using pki::NamesPtr;

void SetSerial(X509* certificate) {
  int64_t serial = 0;
  NS_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 7) == 1);
  NS_CHECK(ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate),
                                  serial + 1) == 1);
}

void SetCommonName(X509* certificate, const std::string& name) {
  if (name.empty()) return;
  NS_CHECK(X509_NAME_add_entry_by_txt(
               X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
               reinterpret_cast<const unsigned char*>(name.data()),
               static_cast<int>(name.size()), -1, 0) == 1);
}

void Extend(X509* certificate, X509* issuer, int nid,
            const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionPtr extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  NS_CHECK(extension != nullptr);
  NS_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

int TypeOf(AlternativeName::Kind kind) {
  if (kind == AlternativeName::kUri) return GEN_URI;
  return kind == AlternativeName::kDns ? GEN_DNS : GEN_EMAIL;
}

// By hand: OpenSSL's words for names can hold neither commas nor NUL.
void AddNames(X509* certificate, const std::vector<AlternativeName>& names,
              bool twice) {
  if (names.empty()) return;
  NamesPtr list(GENERAL_NAMES_new());
  for (const AlternativeName& name : names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    NS_CHECK(ASN1_STRING_set(text, name.value.data(),
                             static_cast<int>(name.value.size())) == 1);
    GENERAL_NAME* entry = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(entry, TypeOf(name.kind), text);
    NS_CHECK(sk_GENERAL_NAME_push(list.get(), entry) > 0);
  }
  for (int i = 0; i < (twice ? 2 : 1); ++i) {
    NS_CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(),
                               /*crit=*/1, X509V3_ADD_APPEND) == 1);
  }
}

}  // namespace

std::string ForgeCertificatePem(const CertificateForm& form) {
  const KeyPtr key = pki::ParsePrivateKey(form.key_pem).value();
  KeyPtr issuer_key;
  CertificatePtr issuer;
  if (!form.issuer.certificate_der.empty()) {
    issuer_key = pki::ParsePrivateKey(form.issuer.key_pem).value();
    issuer =
        pki::ParseCertificate(AsBytes(form.issuer.certificate_der)).value();
  }
  CertificatePtr made(X509_new());
  X509* certificate = made.get();
  X509* signer = issuer == nullptr ? certificate : issuer.get();
  NS_CHECK(X509_set_version(certificate, X509_VERSION_3) == 1);
  SetSerial(certificate);
  SetCommonName(certificate, form.common_name);
  NS_CHECK(X509_set_issuer_name(certificate, X509_get_subject_name(signer)));
  NS_CHECK(X509_set_pubkey(certificate, key.get()) == 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate),
                absl::ToTimeT(form.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(form.not_after));
  Extend(certificate, signer, NID_basic_constraints, form.basic_constraints);
  Extend(certificate, signer, NID_key_usage, form.key_usage);
  Extend(certificate, signer, NID_ext_key_usage, form.extended_key_usage);
  Extend(certificate, signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) {
    Extend(certificate, signer, NID_authority_key_identifier, "keyid");
  }
  AddNames(certificate, form.names, form.names_twice);
  NS_CHECK(X509_sign(certificate,
                     issuer_key == nullptr ? key.get() : issuer_key.get(),
                     EVP_sha256()) != 0);
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  NS_CHECK(length > 0);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return DerToPem(AsBytes(bytes));
}

}  // namespace nightsafe
