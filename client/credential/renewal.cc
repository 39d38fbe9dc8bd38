#include "client/credential/renewal.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

absl::Status Unusable(absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("the server sent a certificate that is of no use: ", why,
                   "; the old one stays"));
}

}  // namespace

absl::Time RenewalTime(const CertificateView& certificate) {
  return certificate.not_before +
         (certificate.not_after - certificate.not_before) / 12;
}

absl::StatusOr<std::string> CheckRenewed(absl::string_view old_pem,
                                         absl::string_view private_key_pem,
                                         absl::string_view ca_pem,
                                         ByteView certificate_der) {
  NS_ASSIGN_OR_RETURN(CertificateView old, InspectCertificatePem(old_pem));
  const auto renewed = InspectCertificateDer(certificate_der);
  if (!renewed.ok()) return Unusable(renewed.status().message());
  std::string pem = DerToPem(certificate_der);
  const absl::Status fits = CheckCertificatePem(pem, private_key_pem, ca_pem);
  if (!fits.ok()) return Unusable(fits.message());
  if (renewed->uri_sans != old.uri_sans || renewed->other_sans != 0 ||
      !renewed->client_auth || renewed->is_ca) {
    return Unusable("it is not of the same name and kind");
  }
  if (renewed->not_after <= old.not_after) pem.clear();
  return pem;
}

absl::StatusOr<bool> TakeRenewedCertificate(FileSystem& fs,
                                            absl::string_view directory,
                                            ByteView certificate_der,
                                            Credential& credential) {
  NS_ASSIGN_OR_RETURN(
      std::string pem,
      CheckRenewed(credential.certificate_pem, credential.private_key_pem,
                   credential.ca_certificate_pem, certificate_der));
  if (pem.empty()) return false;
  NS_RETURN_IF_ERROR(WriteFileDurably(
      fs, absl::StrCat(directory, "/certificate.pem"), AsBytes(pem), 0600));
  credential.certificate_pem = std::move(pem);
  return true;
}

}  // namespace nightsafe
