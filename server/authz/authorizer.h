// The decision of one listener: may this connection call this method.
#pragma once

#include <grpcpp/security/auth_context.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/authz/principal.h"
#include "server/authz/role_table.h"
#include "server/metrics/counters.h"

namespace nightsafe {

// Every denial of every kind has this text, so that it says nothing about what
// exists.
inline constexpr absl::string_view kDenied =
    "this credential is not allowed to do this, or was revoked: ask the admin";

// Thread-safe. Borrows the counters.
class Authorizer {
 public:
  Authorizer(RoleTable table, std::unique_ptr<IdentitySource> identity,
             Counters& counters)
      : table_(std::move(table)),
        identity_(std::move(identity)),
        counters_(counters) {}

  // PERMISSION_DENIED with kDenied, counted, unless the method is known and
  // open to the caller's role.
  absl::StatusOr<Principal> Authorize(
      absl::string_view path, const grpc::AuthContext& connection) const;

  // The caller, asked anew: handlers and supervisors use this and nothing that
  // travelled with the call.
  absl::StatusOr<Principal> Identify(const grpc::AuthContext& connection) const;

 private:
  const RoleTable table_;
  const std::unique_ptr<IdentitySource> identity_;
  Counters& counters_;
};

}  // namespace nightsafe
