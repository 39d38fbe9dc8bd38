// Handing an enrolment file to the admin.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "nightsafe/v1/format/enrolment.pb.h"

namespace nightsafe {

// To the new file `path` (0600), or to standard output if it is empty; what to
// do with it goes to standard error.
absl::Status WriteEnrolment(const v1::format::Enrolment& enrolment,
                            const std::string& path);

}  // namespace nightsafe
