#include <openssl/rand.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/pki/openssl.h"
#include "common/pki/pki.h"

namespace nightsafe {

using pki::CertificatePtr;
using pki::ExtensionPtr;
using pki::KeyPtr;
using pki::OpenSslError;
using pki::RequestPtr;

namespace {

// What differs between the kinds of certificates.
struct Profile {
  absl::string_view common_name;  // may be empty
  const char* basic_constraints;
  const char* key_usage;
  const char* extended_key_usage = nullptr;
  std::string alternative_name;  // "URI:..." or "DNS:...", may be empty
  absl::Time not_before;
  absl::Time not_after;
};

// 127 random bits: positive, and never short of 64 bits of entropy.
absl::Status SetRandomSerial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
    return OpenSslError("drawing a serial number");
  }
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  BIGNUM* number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
  ASN1_INTEGER* serial = X509_get_serialNumber(certificate);
  const bool set =
      number != nullptr && BN_to_ASN1_INTEGER(number, serial) != nullptr;
  BN_free(number);
  return set ? absl::OkStatus() : OpenSslError("setting a serial number");
}

absl::Status AddExtension(X509* certificate, X509V3_CTX* context, int nid,
                          const char* value) {
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, context, nid, value));
  if (extension == nullptr ||
      X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpenSslError("adding a certificate extension");
  }
  return absl::OkStatus();
}

absl::Status AddExtensions(X509* certificate, X509* issuer,
                           const Profile& profile) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  NS_RETURN_IF_ERROR(AddExtension(certificate, &context, NID_basic_constraints,
                                  profile.basic_constraints));
  NS_RETURN_IF_ERROR(
      AddExtension(certificate, &context, NID_key_usage, profile.key_usage));
  NS_RETURN_IF_ERROR(
      AddExtension(certificate, &context, NID_subject_key_identifier, "hash"));
  NS_RETURN_IF_ERROR(AddExtension(certificate, &context,
                                  NID_authority_key_identifier, "keyid"));
  if (profile.extended_key_usage != nullptr) {
    NS_RETURN_IF_ERROR(AddExtension(certificate, &context, NID_ext_key_usage,
                                    profile.extended_key_usage));
  }
  if (profile.alternative_name.empty()) return absl::OkStatus();
  // RFC 5280 4.2.1.6: critical, because the subject may be empty.
  return AddExtension(certificate, &context, NID_subject_alt_name,
                      profile.alternative_name.c_str());
}

absl::Status SetTimes(X509* certificate, const Profile& profile) {
  if (profile.not_after <= profile.not_before) {
    return absl::InvalidArgumentError("certificate would never be valid");
  }
  if (ASN1_TIME_set(X509_getm_notBefore(certificate),
                    absl::ToTimeT(profile.not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate),
                    absl::ToTimeT(profile.not_after)) == nullptr) {
    return OpenSslError("setting a certificate's dates");
  }
  return absl::OkStatus();
}

absl::Status SetSubject(X509* certificate, absl::string_view common_name) {
  if (common_name.empty()) return absl::OkStatus();
  if (X509_NAME_add_entry_by_txt(
          X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
          reinterpret_cast<const unsigned char*>(common_name.data()),
          static_cast<int>(common_name.size()), -1, 0) != 1) {
    return OpenSslError("setting a certificate's name");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SignAndEncode(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) == 0) {
    return OpenSslError("signing a certificate");
  }
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  if (length <= 0) return OpenSslError("encoding a certificate");
  std::string result(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return result;
}

// `issuer` null: self-signed.
absl::StatusOr<std::string> Make(const Profile& profile, EVP_PKEY* subject_key,
                                 X509* issuer, EVP_PKEY* issuer_key) {
  CertificatePtr certificate(X509_new());
  if (certificate == nullptr) return OpenSslError("making a certificate");
  X509* made = certificate.get();
  NS_RETURN_IF_ERROR(SetRandomSerial(made));
  NS_RETURN_IF_ERROR(SetTimes(made, profile));
  NS_RETURN_IF_ERROR(SetSubject(made, profile.common_name));
  X509* signer = issuer == nullptr ? made : issuer;
  if (X509_set_version(made, X509_VERSION_3) != 1 ||
      X509_set_issuer_name(made, X509_get_subject_name(signer)) != 1 ||
      X509_set_pubkey(made, subject_key) != 1) {
    return OpenSslError("making a certificate");
  }
  NS_RETURN_IF_ERROR(AddExtensions(made, signer, profile));
  return SignAndEncode(made, issuer_key);
}

struct ParsedIssuer {
  KeyPtr key;
  CertificatePtr certificate;
};
absl::StatusOr<ParsedIssuer> Parse(const Issuer& ca) {
  ParsedIssuer issuer;
  NS_ASSIGN_OR_RETURN(issuer.key, pki::ParsePrivateKey(ca.key_pem));
  NS_ASSIGN_OR_RETURN(issuer.certificate,
                      pki::ParseCertificate(AsBytes(ca.certificate_der)));
  if (X509_check_private_key(issuer.certificate.get(), issuer.key.get()) != 1) {
    return absl::InvalidArgumentError(
        "the CA's key does not belong to its certificate");
  }
  return issuer;
}

absl::StatusOr<std::string> MakeClient(const Issuer& ca, EVP_PKEY* key,
                                       const PeerIdentity& identity,
                                       absl::Time not_before,
                                       absl::Time not_after) {
  NS_ASSIGN_OR_RETURN(ParsedIssuer issuer, Parse(ca));
  // The names are validated ones, so the URI cannot carry a second SAN into
  // OpenSSL's comma-separated syntax.
  NS_ASSIGN_OR_RETURN(PeerIdentity checked,
                      PeerIdentity::FromUri(identity.ToUri()));
  return Make(
      {.basic_constraints = "critical,CA:FALSE",
       .key_usage = "critical,digitalSignature",
       .extended_key_usage = "clientAuth",
       .alternative_name = absl::StrCat("critical,URI:", checked.ToUri()),
       .not_before = not_before,
       .not_after = not_after},
      key, issuer.certificate.get(), issuer.key.get());
}

}  // namespace

absl::StatusOr<std::string> MakeCaCertificateDer(absl::string_view ca_key_pem,
                                                 absl::string_view common_name,
                                                 absl::Time not_before,
                                                 absl::Time not_after) {
  NS_ASSIGN_OR_RETURN(KeyPtr key, pki::ParsePrivateKey(ca_key_pem));
  return Make({.common_name = common_name,
               .basic_constraints = "critical,CA:TRUE,pathlen:0",
               .key_usage = "critical,keyCertSign",
               .not_before = not_before,
               .not_after = not_after},
              key.get(), nullptr, key.get());
}

absl::StatusOr<std::string> IssueClientCertificateDer(
    const Issuer& ca, ByteView csr_der, const PeerIdentity& identity,
    absl::Time not_before, absl::Time not_after) {
  NS_ASSIGN_OR_RETURN(RequestPtr request, pki::ParseRequest(csr_der));
  return MakeClient(ca, X509_REQ_get0_pubkey(request.get()), identity,
                    not_before, not_after);
}

absl::StatusOr<std::string> RenewClientCertificateDer(
    const Issuer& ca, ByteView certificate_der, const PeerIdentity& identity,
    absl::Time not_before, absl::Time not_after) {
  NS_ASSIGN_OR_RETURN(CertificatePtr old,
                      pki::ParseCertificate(certificate_der));
  EVP_PKEY* key = X509_get0_pubkey(old.get());
  NS_RETURN_IF_ERROR(pki::CheckP256(key));
  return MakeClient(ca, key, identity, not_before, not_after);
}

absl::StatusOr<std::string> IssueServerCertificateDer(
    const Issuer& ca, absl::string_view server_key_pem, const ServerId& server,
    absl::Time not_before, absl::Time not_after) {
  NS_ASSIGN_OR_RETURN(ParsedIssuer issuer, Parse(ca));
  NS_ASSIGN_OR_RETURN(KeyPtr key, pki::ParsePrivateKey(server_key_pem));
  NS_RETURN_IF_ERROR(pki::CheckP256(key.get()));
  return Make(
      {.basic_constraints = "critical,CA:FALSE",
       .key_usage = "critical,digitalSignature",
       .extended_key_usage = "serverAuth",
       .alternative_name = absl::StrCat("critical,DNS:", ServerDnsName(server)),
       .not_before = not_before,
       .not_after = not_after},
      key.get(), issuer.certificate.get(), issuer.key.get());
}

}  // namespace nightsafe
