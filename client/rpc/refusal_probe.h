// Calls every method of the services that a credential has no business with and
// reports what came back: proof, for whoever runs it, of what it may not do.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/rpc/connection.h"

namespace nightsafe {

struct ProbedMethod {
  std::string path;  // "/nightsafe.v1.Retrieve/GetKeyring"
  absl::Status answer;

  // Refused as unauthorised, or not served on this listener at all.
  bool refused() const;
};

// Every method of Retrieve, Admin and Enrol, with an empty request.
std::vector<ProbedMethod> ProbeForeignMethods(const Connection& connection);

}  // namespace nightsafe
