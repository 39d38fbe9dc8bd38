// How messages about retention name things.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "server/vault/set_histories.h"
#include "server/vault/snapshot_info.h"

namespace nightsafe {

// "2026-11-23 14:00 UTC"
std::string TimeText(absl::Time time);
// "1.5 days"
std::string DaysText(absl::Duration span);
// "the vault", "web1", "web1/files"
std::string ScopeText(const SetScope& scope);
// "snapshot 0123456789ab of web1/files"
std::string SnapshotText(const SnapshotInfo& info);

}  // namespace nightsafe
