#include "client/cli/host_connection.h"

#include "common/base/status.h"

namespace nightsafe {

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
  if (credential.certificate_pem.empty()) {
    return absl::FailedPreconditionError(
        "enrolment was begun and not finished: run `nightsafe enrol` again "
        "with "
        "the same enrolment file");
  }
  NS_RETURN_IF_ERROR(CheckCredential(
      CredentialDirectory(config, CredentialRole::kHost, ""), credential));
  return credential;
}

}  // namespace nightsafe
