#include "server/authz/authorizer.h"

namespace nightsafe {

absl::StatusOr<Principal> Authorizer::Authorize(
    absl::string_view path, const grpc::AuthContext& connection) const {
  absl::StatusOr<Principal> principal = identity_->Identify(connection);
  const v1::Role role = principal.ok() ? principal->role : v1::ROLE_UNSPECIFIED;
  if (principal.ok() && table_.Allows(path, role)) return principal;
  counters_.AddRefusal(table_.Knows(path) ? path : "unknown", RoleName(role));
  return absl::PermissionDeniedError(kDenied);
}

absl::StatusOr<Principal> Authorizer::Identify(
    const grpc::AuthContext& connection) const {
  absl::StatusOr<Principal> principal = identity_->Identify(connection);
  if (!principal.ok()) return absl::PermissionDeniedError(kDenied);
  return principal;
}

}  // namespace nightsafe
