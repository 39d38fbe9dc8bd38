// When a refused caller may try again; travels beside the status' message.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace nightsafe {

// Trailing metadata of a call: whole milliseconds, decimal.
inline constexpr char kRetryAfterKey[] = "retry-after-ms";

// `status`, which is not OK, with the time to wait: one millisecond or more.
absl::Status WithRetryAfter(absl::Status status, absl::Duration wait);
// Nothing if the status does not say.
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

}  // namespace nightsafe
