#include "server/authz/role_table.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::StatusOr<std::set<v1::Role>> RolesOf(
    const google::protobuf::MethodDescriptor& method) {
  const auto& options = method.options();
  std::set<v1::Role> roles;
  for (int i = 0; i < options.ExtensionSize(v1::allowed_roles); ++i) {
    const v1::Role role = options.GetExtension(v1::allowed_roles, i);
    if (role == v1::ROLE_UNSPECIFIED || !v1::Role_IsValid(role)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "method ", method.full_name(), " allows an unknown role, number ",
          static_cast<int>(role)));
    }
    roles.insert(role);
  }
  if (roles.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "method ", method.full_name(),
        " does not declare allowed_roles; no server may offer it"));
  }
  return roles;
}

}  // namespace

absl::StatusOr<RoleTable> RoleTable::Build(
    const std::vector<const google::protobuf::ServiceDescriptor*>& services) {
  RoleTable table;
  for (const google::protobuf::ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const google::protobuf::MethodDescriptor& method = *service->method(i);
      NS_ASSIGN_OR_RETURN(std::set<v1::Role> roles, RolesOf(method));
      const std::string path =
          absl::StrCat("/", service->full_name(), "/", method.name());
      table.roles_.emplace(path, std::move(roles));
    }
  }
  return table;
}

bool RoleTable::Knows(absl::string_view path) const {
  return roles_.find(std::string(path)) != roles_.end();
}

bool RoleTable::Allows(absl::string_view path, v1::Role role) const {
  const auto at = roles_.find(std::string(path));
  return at != roles_.end() && at->second.count(role) == 1;
}

}  // namespace nightsafe
