// How a server is, in words and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "nightsafe/v1/admin.pb.h"

namespace nightsafe {

// A page for a person: what needs attention comes first.
std::string ShowStatus(const v1::GetStatusReply& status);

// The same, with every figure.
nlohmann::json ToJson(const v1::GetStatusReply& status);

}  // namespace nightsafe
