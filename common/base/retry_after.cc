#include "common/base/retry_after.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace nightsafe {

absl::Status WithRetryAfter(absl::Status status, absl::Duration wait) {
  const int64_t milliseconds =
      std::max<int64_t>(1, absl::ToInt64Milliseconds(wait));
  status.SetPayload(kRetryAfterKey, absl::Cord(absl::StrCat(milliseconds)));
  return status;
}

std::optional<absl::Duration> RetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterKey);
  int64_t milliseconds = 0;
  if (!payload.has_value() ||
      !absl::SimpleAtoi(std::string(*payload), &milliseconds) ||
      milliseconds < 1) {
    return std::nullopt;
  }
  return absl::Milliseconds(milliseconds);
}

}  // namespace nightsafe
