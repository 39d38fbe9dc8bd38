#include "server/authz/principal.h"

#include <algorithm>

namespace nightsafe {

bool Principal::MayRead(absl::string_view vault_name) const {
  if (role != v1::READER) return false;
  return all_vaults ||
         std::find(vaults.begin(), vaults.end(), vault_name) != vaults.end();
}

absl::string_view RoleName(v1::Role role) {
  switch (role) {
    case v1::HOST:
      return "host";
    case v1::READER:
      return "reader";
    case v1::ADMIN:
      return "admin";
    case v1::ENROLLEE:
      return "enrollee";
    default:
      return "none";
  }
}

}  // namespace nightsafe
