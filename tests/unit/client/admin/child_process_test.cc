#include "client/admin/child_process.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(ChildProcess, TellsHowItEnded) {
  auto good = ChildProcess::Start({"true"}, false, true);
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE((*good)->Wait().ok());
  auto bad = ChildProcess::Start({"sh", "-c", "exit 7"}, false, true);
  ASSERT_TRUE(bad.ok());
  EXPECT_NE((*bad)->Wait().message().find("code 7"), absl::string_view::npos);
  EXPECT_FALSE(ChildProcess::Start({"no-such-program"}, false, true).ok());
}

TEST(ChildProcess, DestructionEndsIt) {
  auto child = ChildProcess::Start({"sleep", "1000"}, false, true);
  ASSERT_TRUE(child.ok());
  EXPECT_TRUE((*child)->Alive());
  child->reset();
}

TEST(ChildProcess, WaitingForASocketEndsWithTheChild) {
  auto child = ChildProcess::Start({"false"}, false, true);
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE(
      WaitForSocket("/nonexistent/socket", **child, absl::Seconds(30)).ok());
}

}  // namespace
}  // namespace nightsafe
