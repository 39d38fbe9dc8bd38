#include "client/terminal/exit_code.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(ExitCode, TellsKindsOfFailureApart) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), kExitOk);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), kExitUsage);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), kExitNotFound);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), kExitRefused);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), kExitUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), kExitDamaged);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("")), kExitFull);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), kExitFailure);
}

}  // namespace
}  // namespace nightsafe
