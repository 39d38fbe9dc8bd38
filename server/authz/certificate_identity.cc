#include "server/authz/certificate_identity.h"

#include <grpc/grpc_security_constants.h>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::Status Refuse(absl::string_view why) {
  return absl::PermissionDeniedError(why);
}

absl::StatusOr<PeerIdentity> NamedBy(const CertificateView& certificate,
                                     absl::Time now) {
  if (now < certificate.not_before || now >= certificate.not_after) {
    return Refuse("certificate is not valid at this time");
  }
  if (certificate.is_ca) return Refuse("certificate is a CA's");
  if (!certificate.client_auth) return Refuse("certificate is not a client's");
  if (certificate.uri_sans.size() != 1 || certificate.other_sans != 0) {
    return Refuse("certificate does not have exactly one name");
  }
  return PeerIdentity::FromUri(certificate.uri_sans.front());
}

// `Registration` is a host's, a reader's or an admin's.
template <typename Registration>
absl::Status CheckActive(const Registration& registration,
                         const PublicKeyFingerprint& key) {
  if (registration.revoked) return Refuse("revoked");
  if (registration.fingerprint != KeyFingerprint::FromValidBytes(key.view())) {
    return Refuse("the key is not the registered one");
  }
  return absl::OkStatus();
}

}  // namespace

PeerIdentity IdentityOf(const ServerId& server, const TokenGrant& principal) {
  switch (principal.kind) {
    case PrincipalKind::kHost:
      return {server, PeerRole::kHost, principal.vault, principal.name};
    case PrincipalKind::kReader:
      return {server, PeerRole::kReader, "", principal.name};
    case PrincipalKind::kAdmin:
      break;
  }
  return {server, PeerRole::kAdmin, "", principal.name};
}

absl::StatusOr<TokenGrant> GrantOf(const Principal& principal) {
  TokenGrant grant{.vault = principal.vault, .name = principal.name};
  switch (principal.role) {
    case v1::HOST:
      grant.kind = PrincipalKind::kHost;
      return grant;
    case v1::READER:
      grant.kind = PrincipalKind::kReader;
      return grant;
    case v1::ADMIN:
      grant.kind = PrincipalKind::kAdmin;
      return grant;
    default:
      return absl::InternalError("this role has no certificates");
  }
}

absl::StatusOr<std::string> PeerCertificatePem(
    const grpc::AuthContext& connection) {
  const auto pem =
      connection.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pem.size() != 1) return Refuse("connection without one certificate");
  return std::string(pem[0].data(), pem[0].size());
}

absl::StatusOr<Principal> CertificateIdentity::Identify(
    const grpc::AuthContext& connection) const {
  NS_ASSIGN_OR_RETURN(std::string pem, PeerCertificatePem(connection));
  return IdentifyPem(pem);
}

absl::StatusOr<Principal> CertificateIdentity::IdentifyPem(
    absl::string_view pem) const {
  NS_ASSIGN_OR_RETURN(CertificateView certificate, InspectCertificatePem(pem));
  NS_ASSIGN_OR_RETURN(PeerIdentity identity,
                      NamedBy(certificate, clock_.Now()));
  if (identity.server != registry_.server_id()) {
    return Refuse("certificate of another server");
  }
  NS_ASSIGN_OR_RETURN(Principal principal,
                      Find(identity, certificate.fingerprint));
  if (roles_.count(principal.role) == 1) return principal;
  return Refuse("this listener is not for that role");
}

absl::StatusOr<Principal> CertificateIdentity::Find(
    const PeerIdentity& identity, const PublicKeyFingerprint& key) const {
  Principal principal;
  principal.vault = identity.vault;
  principal.name = identity.name;
  switch (identity.role) {
    case PeerRole::kHost: {
      NS_ASSIGN_OR_RETURN(HostRegistration host,
                          registry_.FindHost(identity.vault, identity.name));
      if (!host.enrolled) return Refuse("not enrolled");
      NS_RETURN_IF_ERROR(CheckActive(host, key));
      principal.role = v1::HOST;
      return principal;
    }
    case PeerRole::kReader: {
      NS_ASSIGN_OR_RETURN(ReaderRegistration reader,
                          registry_.FindReader(identity.name));
      if (!reader.enrolled) return Refuse("not enrolled");
      NS_RETURN_IF_ERROR(CheckActive(reader, key));
      principal.role = v1::READER;
      principal.vaults = reader.vaults;
      return principal;
    }
    case PeerRole::kAdmin: {
      NS_ASSIGN_OR_RETURN(AdminRegistration admin,
                          registry_.FindAdmin(identity.name));
      NS_RETURN_IF_ERROR(CheckActive(admin, key));
      principal.role = v1::ADMIN;
      return principal;
    }
  }
  return Refuse("no such role");
}

}  // namespace nightsafe
