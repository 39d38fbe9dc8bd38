// What a scrub found, in words and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "nightsafe/v1/admin.pb.h"

namespace nightsafe {

// "web1/files of 2026-11-23 14:05:09 (3f9c21d0a4b7)".
std::string NameOf(const v1::HitSnapshot& snapshot);

// What, where, why, and which snapshots reach it; lines without the last end
// of line.
std::string ShowFinding(const v1::ScrubFinding& finding);

nlohmann::json ToJson(const v1::HitSnapshot& snapshot);
nlohmann::json ToJson(const v1::ScrubFinding& finding);

}  // namespace nightsafe
