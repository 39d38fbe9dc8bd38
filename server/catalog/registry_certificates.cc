// Certificates: for a token, for an order, and renewed.
#include <span>

#include "absl/strings/str_cat.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "server/catalog/registry_state.h"

namespace nightsafe {
namespace {

using v1::format::ServerRecord;

TokenHash HashOfToken(ByteView token) {
  return TokenHash::FromValidBytes(HashOf(token));
}

absl::Status DeniedToken() {
  return absl::PermissionDeniedError(
      "the token is unknown, expired, or was used with another key; ask an "
      "admin for a new enrolment file");
}

v1::format::PrincipalRole RoleOf(PrincipalKind kind) {
  switch (kind) {
    case PrincipalKind::kHost:
      return v1::format::HOST_ROLE;
    case PrincipalKind::kReader:
      return v1::format::READER_ROLE;
    case PrincipalKind::kAdmin:
      return v1::format::ADMIN_ROLE;
  }
  return v1::format::PRINCIPAL_ROLE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<IssuedCertificate> Registry::UseToken(
    ByteView token, const KeyFingerprint& key,
    const std::function<absl::StatusOr<IssuedCertificate>(const TokenGrant&)>&
        issue) {
  const TokenHash hash = HashOfToken(token);
  absl::MutexLock lock(&state_->mutex);
  const TokenState* found = state_->principals.FindToken(hash);
  if (found == nullptr) return DeniedToken();
  if (found->used) {
    if (found->key != key) return DeniedToken();
    return found->certificate;
  }
  ServerRecord record = RecordNow(state_->clock);
  if (found->expires <= absl::FromUnixNanos(record.time_unix_ns())) {
    return DeniedToken();
  }
  NS_ASSIGN_OR_RETURN(IssuedCertificate certificate, issue(found->grant));
  NS_KILL_POINT("enrol.issued");
  auto& used = *record.mutable_token_used();
  used.set_token_hash(Raw(hash));
  used.set_public_key_fingerprint(Raw(key));
  used.set_certificate_der(certificate.der);
  used.set_not_after_unix_ns(absl::ToUnixNanos(certificate.not_after));
  NS_RETURN_IF_ERROR(state_->Change(std::span(&record, 1)));
  NS_KILL_POINT("enrol.bound");
  return certificate;
}

absl::StatusOr<IssuedCertificate> Registry::Renew(
    const TokenGrant& principal, const KeyFingerprint& key,
    const std::function<absl::StatusOr<IssuedCertificate>()>& issue) {
  absl::MutexLock lock(&state_->mutex);
  const IssuedCertificate* last =
      state_->principals.FindCertificate(principal, key);
  if (last == nullptr) {
    return absl::PermissionDeniedError(
        "this certificate is not the registered one, or was revoked: ask the "
        "admin");
  }
  NS_ASSIGN_OR_RETURN(IssuedCertificate certificate, issue());
  if (certificate.not_after < last->not_after + kRenewalStep) return *last;
  ServerRecord record = RecordNow(state_->clock);
  auto& renewed = *record.mutable_renewed();
  renewed.set_role(RoleOf(principal.kind));
  renewed.set_vault(principal.vault);
  renewed.set_name(principal.name);
  renewed.set_public_key_fingerprint(Raw(key));
  renewed.set_certificate_der(certificate.der);
  renewed.set_not_after_unix_ns(absl::ToUnixNanos(certificate.not_after));
  NS_RETURN_IF_ERROR(state_->Change(std::span(&record, 1)));
  return certificate;
}

absl::StatusOr<IssuedCertificate> Registry::AddAdmin(
    const v1::format::SignedOrder& signed_order, const KeyFingerprint& key,
    const std::function<absl::StatusOr<IssuedCertificate>(const TokenGrant&)>&
        issue) {
  absl::MutexLock lock(&state_->mutex);
  NS_ASSIGN_OR_RETURN(const v1::format::Order order,
                      state_->principals.Verify(signed_order));
  if (!order.has_add_admin()) {
    return absl::InvalidArgumentError("the order adds no admin");
  }
  if (order.add_admin().public_key_fingerprint() != key.text()) {
    return absl::InvalidArgumentError(
        "the certificate request is of another key than the order names");
  }
  const TokenGrant admin{.kind = PrincipalKind::kAdmin,
                         .name = order.add_admin().name()};
  const IssuedCertificate* last =
      state_->principals.FindCertificate(admin, key);
  if (last != nullptr) return *last;
  // Tried with a certificate of no meaning: what is refused is not certified.
  ServerRecord record = RecordNow(state_->clock);
  auto& added = *record.mutable_admin_added();
  *added.mutable_order() = signed_order;
  added.set_certificate_der("?");
  NS_RETURN_IF_ERROR(Principals(state_->principals).Apply(record));
  NS_ASSIGN_OR_RETURN(IssuedCertificate certificate, issue(admin));
  added.set_certificate_der(certificate.der);
  added.set_not_after_unix_ns(absl::ToUnixNanos(certificate.not_after));
  NS_RETURN_IF_ERROR(state_->Change(std::span(&record, 1)));
  return certificate;
}

}  // namespace nightsafe
