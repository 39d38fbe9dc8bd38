#include "client/admin/admin_access.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/admin/orders.h"
#include "client/credential/renewal.h"
#include "client/rpc/renew_client.h"
#include "common/base/clock.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/order/order.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

absl::StatusOr<AdminCredential> Begin(const v1::GetServerReply& about,
                                      absl::string_view admin) {
  AdminCredential credential;
  credential.name = std::string(admin);
  credential.server_address = about.admin_address();
  NS_ASSIGN_OR_RETURN(credential.server_id,
                      ServerId::FromBytes(AsBytes(about.server_id())));
  credential.ca_certificate_pem = DerToPem(AsBytes(about.ca_certificate_der()));
  NS_ASSIGN_OR_RETURN(credential.private_key_pem, GeneratePrivateKeyPem());
  return credential;
}

// The file at `path` if it is what an interrupted grant of that name left.
absl::StatusOr<AdminCredential> Continue(FileSystem& fs,
                                         const std::string& path,
                                         const AdminCredential& wanted) {
  absl::StatusOr<AdminCredential> begun = LoadAdminCredential(fs, path);
  if (begun.ok() && begun->certificate_pem.empty() &&
      begun->name == wanted.name && begun->server_id == wanted.server_id) {
    begun->server_address = wanted.server_address;
    return begun;
  }
  return absl::AlreadyExistsError(
      absl::StrCat(path, " exists; choose another file"));
}

// Whether the server may have done what was asked.
bool LeavesOpen(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status) || absl::IsUnknown(status) ||
         absl::IsInternal(status);
}

absl::StatusOr<std::string> FetchCertificate(const AdminClient& server,
                                             const SigningKey& admin_key,
                                             const AdminCredential& credential,
                                             absl::Time now) {
  v1::AddAdminRequest request;
  NS_ASSIGN_OR_RETURN(std::string csr, MakeCsrDer(credential.private_key_pem));
  NS_ASSIGN_OR_RETURN(PublicKeyFingerprint key, CsrFingerprint(AsBytes(csr)));
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, "", now));
  v1::format::Order::AddAdmin& add = *order.mutable_add_admin();
  add.set_name(credential.name);
  add.set_public_key_fingerprint(std::string(key.text()));
  *request.mutable_order() = SignOrder(admin_key, order);
  request.set_csr_der(std::move(csr));
  NS_ASSIGN_OR_RETURN(v1::AddAdminReply reply, server.AddAdmin(request));
  return DerToPem(AsBytes(reply.certificate_der()));
}

}  // namespace

absl::StatusOr<ConnectionOptions> AdminConnectionOptions(
    const AdminCredential& credential, absl::string_view path,
    absl::string_view server) {
  if (credential.certificate_pem.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " was begun and not finished: run `nightsafe-admin admin add ",
        credential.name, "` again with the same file"));
  }
  ConnectionOptions options;
  options.address =
      server.empty() ? credential.server_address : std::string(server);
  if (options.address.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " does not say where the server is: use --server HOST:PORT"));
  }
  options.server = credential.server_id;
  options.ca_certificate_pem = credential.ca_certificate_pem;
  options.client_key_pem = credential.private_key_pem;
  options.client_certificate_pem = credential.certificate_pem;
  options.if_unreachable =
      "is nightsafed running there, with admin_listen set to that port in "
      "nightsafed.yaml?";
  return options;
}

absl::StatusOr<AdminCredential> GrantAdmin(
    FileSystem& fs, const AdminClient& server, const SigningKey& admin_key,
    absl::string_view admin, const std::string& path, absl::Time now) {
  NS_RETURN_IF_ERROR(ValidateName("admin", admin));
  NS_ASSIGN_OR_RETURN(v1::GetServerReply about, server.GetServer());
  NS_ASSIGN_OR_RETURN(AdminCredential credential, Begin(about, admin));
  const absl::Status created = CreateAdminCredential(fs, path, credential);
  if (absl::IsAlreadyExists(created)) {
    NS_ASSIGN_OR_RETURN(credential, Continue(fs, path, credential));
  } else {
    NS_RETURN_IF_ERROR(created);
  }
  absl::StatusOr<std::string> pem =
      FetchCertificate(server, admin_key, credential, now);
  if (!pem.ok() && LeavesOpen(pem.status())) {
    return Annotate(pem.status(),
                    absl::StrCat("not finished; run it again with ", path));
  }
  if (!pem.ok()) {
    if (created.ok()) NS_RETURN_IF_ERROR(fs.Unlink(path));
    return pem.status();
  }
  credential.certificate_pem = *std::move(pem);
  // Whole, or the server sent something that is of no use.
  NS_RETURN_IF_ERROR(
      DecodeAdminCredential(EncodeAdminCredential(credential)).status());
  NS_RETURN_IF_ERROR(ReplaceAdminCredential(fs, path, credential));
  return credential;
}

absl::Status RenewAdminIfDue(FileSystem& fs, const std::string& path,
                             absl::string_view server, absl::Time now,
                             AdminCredential& credential) {
  NS_ASSIGN_OR_RETURN(CertificateView old,
                      InspectCertificatePem(credential.certificate_pem));
  if (now < RenewalTime(old)) return absl::OkStatus();
  NS_ASSIGN_OR_RETURN(ConnectionOptions options,
                      AdminConnectionOptions(credential, path, server));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                      Connection::Open(options, SystemClock()));
  NS_ASSIGN_OR_RETURN(std::string der, RenewCertificateDer(*connection));
  NS_ASSIGN_OR_RETURN(
      std::string pem,
      CheckRenewed(credential.certificate_pem, credential.private_key_pem,
                   credential.ca_certificate_pem, AsBytes(der)));
  if (pem.empty()) return absl::OkStatus();
  credential.certificate_pem = std::move(pem);
  return ReplaceAdminCredential(fs, path, credential);
}

}  // namespace nightsafe
