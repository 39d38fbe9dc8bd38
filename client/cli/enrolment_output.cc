#include "client/cli/enrolment_output.h"

#include <cstdio>

#include "client/credential/enrolment_file.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/crypto/secret.h"
#include "common/io/durable_file.h"

namespace nightsafe {

absl::Status WriteEnrolment(const v1::format::Enrolment& enrolment,
                            const std::string& path) {
  std::string line = EncodeEnrolment(enrolment);
  absl::Status status;
  if (path.empty()) {
    std::fputs(line.c_str(), stdout);
  } else {
    status =
        CreateFileDurably(*NewPosixFileSystem(), path, AsBytes(line), 0600);
  }
  EraseString(line);
  NS_RETURN_IF_ERROR(status);
  std::fprintf(
      stderr,
      "enrolment file of %s%s%s: secret, works once, until %s\n"
      "next, on that machine:  nightsafe enrol < FILE\n",
      enrolment.name().c_str(), path.empty() ? "" : " in ", path.c_str(),
      ShowTime(absl::FromUnixNanos(enrolment.expires_unix_ns())).c_str());
  return absl::OkStatus();
}

}  // namespace nightsafe
