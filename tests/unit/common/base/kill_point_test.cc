#include "common/base/kill_point.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <thread>

namespace nightsafe {
namespace {

constexpr char kVariable[] = "NIGHTSAFE_KILL_POINT";

TEST(KillPoint, ParsesNameAndHit) {
  EXPECT_EQ(ParseKillPoint("pack.synced:3"),
            std::optional(KillPoint{.name = "pack.synced", .hit = 3}));
  EXPECT_EQ(ParseKillPoint("agent.commit-sent:1"),
            std::optional(KillPoint{.name = "agent.commit-sent", .hit = 1}));
}

TEST(KillPoint, RefusesWhatIsNoNameAndHit) {
  for (const char* text :
       {"", ":", "pack.synced", "pack.synced:", "pack.synced:0",
        "pack.synced:-1", "pack.synced:x", "pack:1", ".synced:1", "pack.:1",
        "Pack.synced:1", "pack.syn ced:1", "a.b.c:1"}) {
    EXPECT_EQ(ParseKillPoint(text), std::nullopt) << text;
  }
}

TEST(KillPoint, DoesNothingWithoutTheVariable) {
  EXPECT_FALSE(kKillPointsArmed);
  NS_KILL_POINT("test.place");
}

// Runs the statement of a death test in a new process with that environment.
class KillPointDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { unsetenv(kVariable); }
};

TEST_F(KillPointDeathTest, KillsAtTheNamedHit) {
  setenv(kVariable, "test.place:3", 1);
  EXPECT_EXIT(
      {
        for (int i = 1; i <= 3; ++i) {
          NS_KILL_POINT("test.other");
          std::fprintf(stderr, "hit%d ", i);
          NS_KILL_POINT("test.place");
        }
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGKILL), "hit1 hit2 hit3 $");
}

TEST_F(KillPointDeathTest, OutlivesFewerHits) {
  setenv(kVariable, "test.place:3", 1);
  EXPECT_EXIT(
      {
        for (int i = 1; i <= 2; ++i) NS_KILL_POINT("test.place");
        std::_Exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST_F(KillPointDeathTest, CountsHitsOfAllThreads) {
  setenv(kVariable, "test.place:2", 1);
  EXPECT_EXIT(
      {
        std::thread([] { NS_KILL_POINT("test.place"); }).join();
        std::thread([] { NS_KILL_POINT("test.place"); }).join();
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST_F(KillPointDeathTest, EndsAtOnceForWhatItCannotRead) {
  setenv(kVariable, "test.place", 1);
  EXPECT_EXIT(std::_Exit(0), testing::ExitedWithCode(2),
              "\"test.place\" is not NAME:N");
}

}  // namespace
}  // namespace nightsafe
