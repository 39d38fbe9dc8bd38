#include "client/cli/host_connection.h"

#include <cstdio>

#include "absl/time/clock.h"
#include "client/credential/renewal.h"
#include "client/rpc/renew_client.h"
#include "client/terminal/text.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

absl::Status Renew(FileSystem& fs, absl::string_view directory,
                   Credential& credential) {
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<Connection> connection,
      Connection::Open(ConnectionOf(credential), SystemClock()));
  NS_ASSIGN_OR_RETURN(std::string der, RenewCertificateDer(*connection));
  return TakeRenewedCertificate(fs, directory, AsBytes(der), credential)
      .status();
}

}  // namespace

ConnectionOptions ConnectionOf(const Credential& credential) {
  ConnectionOptions options;
  options.address = credential.server_address;
  options.server = credential.server_id;
  options.ca_certificate_pem = credential.ca_certificate_pem;
  options.client_key_pem = credential.private_key_pem;
  options.client_certificate_pem = credential.certificate_pem;
  return options;
}

absl::StatusOr<Credential> LoadHostCredential(FileSystem& fs,
                                              absl::string_view config) {
  NS_ASSIGN_OR_RETURN(
      Credential credential,
      LoadCredential(fs,
                     CredentialDirectory(config, CredentialRole::kHost, "")));
  NS_RETURN_IF_ERROR(CheckCredential(
      CredentialDirectory(config, CredentialRole::kHost, ""), credential));
  return credential;
}

void RenewIfDue(FileSystem& fs, absl::string_view directory,
                Credential& credential) {
  const auto old = InspectCertificatePem(credential.certificate_pem);
  if (!old.ok() || absl::Now() < RenewalTime(*old)) return;
  const absl::Status renewed = Renew(fs, directory, credential);
  if (renewed.ok()) return;
  std::fprintf(stderr,
               "note: the certificate, valid until %s, could not be renewed: "
               "%s; the next run tries again\n",
               ShowTime(old->not_after).c_str(),
               std::string(renewed.message()).c_str());
}

}  // namespace nightsafe
