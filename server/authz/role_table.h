// Which roles may call which method, as the .proto files declare it.
#pragma once

#include <google/protobuf/descriptor.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nightsafe/v1/roles.pb.h"

namespace nightsafe {

// Immutable, thread-safe.
class RoleTable {
 public:
  // Every method of `services`. FAILED_PRECONDITION names a method that
  // declares no role, or an unknown one.
  static absl::StatusOr<RoleTable> Build(
      const std::vector<const google::protobuf::ServiceDescriptor*>& services);

  // `path` as HTTP/2 carries it: "/package.Service/Method", compared exactly.
  bool Knows(absl::string_view path) const;
  // False for an unknown path.
  bool Allows(absl::string_view path, v1::Role role) const;

 private:
  RoleTable() = default;
  std::map<std::string, std::set<v1::Role>> roles_;
};

}  // namespace nightsafe
