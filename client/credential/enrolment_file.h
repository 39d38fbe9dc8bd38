// The enrolment file: all that a new host or reader needs, as one line that can
// be pasted or piped. It is secret until it was used.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nightsafe/v1/format/enrolment.pb.h"

namespace nightsafe {

inline constexpr size_t kMaxEnrolmentBytes = 64 << 10;

// "NIGHTSAFE-ENROLMENT-1:" and base64url, with a checksum over it.
std::string EncodeEnrolment(const v1::format::Enrolment& enrolment);

// Blanks and line breaks around and within are ignored. INVALID_ARGUMENT with
// what is wrong; never quotes the text, which is secret.
absl::StatusOr<v1::format::Enrolment> DecodeEnrolment(absl::string_view text);

}  // namespace nightsafe
