// What a scrub found, with the snapshots concerned, as messages.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "nightsafe/v1/admin.pb.h"
#include "server/vault/damage.h"
#include "server/vault/scrub.h"

namespace nightsafe {

v1::HitSnapshot ToMessage(const HitSnapshot& snapshot);

// `problems` first, then what snapshots lack and no problem names.
std::vector<v1::ScrubFinding> ToFindings(
    absl::string_view vault, const std::vector<ScrubProblem>& problems,
    const Damage& damage);

}  // namespace nightsafe
