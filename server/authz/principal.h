// Who calls: never from what the call says, only from what the connection
// proves.
#pragma once

#include <grpcpp/security/auth_context.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nightsafe/v1/roles.pb.h"

namespace nightsafe {

struct Principal {
  v1::Role role = v1::ROLE_UNSPECIFIED;
  std::string vault;  // hosts
  std::string name;   // hosts, readers, admins with a certificate
  // Readers. `all_vaults` is for the rescue socket alone.
  std::vector<std::string> vaults;
  bool all_vaults = false;

  bool MayRead(absl::string_view vault_name) const;
};

// "host", "reader", ...: label of metrics.
absl::string_view RoleName(v1::Role role);

// How one listener knows its callers. Thread-safe.
class IdentitySource {
 public:
  virtual ~IdentitySource() = default;
  // Any error means: not allowed. Its message is for the server's own use.
  virtual absl::StatusOr<Principal> Identify(
      const grpc::AuthContext& connection) const = 0;
};

// Everyone who reaches the listener is `principal`: what guards it is the
// directory its socket lies in, or that the only method asks for a token.
class FixedIdentity final : public IdentitySource {
 public:
  explicit FixedIdentity(Principal principal)
      : principal_(std::move(principal)) {}
  absl::StatusOr<Principal> Identify(const grpc::AuthContext&) const override {
    return principal_;
  }

 private:
  const Principal principal_;
};

}  // namespace nightsafe
