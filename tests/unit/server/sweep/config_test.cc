#include "server/sweep/config.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace nightsafe {
namespace {

const std::string kId(48, '1');

TEST(SweepConfig, NamesDataStateAndServer) {
  const auto config = ParseSweepConfig(
      absl::StrCat("data: /srv/data\nstate: /srv/sweep\nserver_id: \"", kId,
                   "\"\ndelay_hours: 5\naccepted_forged_records: 2\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data, "/srv/data");
  EXPECT_EQ(config->state, "/srv/sweep");
  EXPECT_EQ(config->server.Hex(), kId);
  EXPECT_EQ(config->delay, absl::Hours(5));
  EXPECT_EQ(config->accepted_forged_records, 2u);
}

TEST(SweepConfig, SaysWhatIsWrong) {
  const std::string whole =
      absl::StrCat("data: /d\nstate: /s\nserver_id: \"", kId, "\"\n");
  ASSERT_TRUE(ParseSweepConfig(whole).ok());
  for (const auto& [yaml, what] :
       std::initializer_list<std::pair<std::string, std::string>>{
           {"", "not a YAML map"},
           {"data: /d\nstate: /s\n", "\"server_id\" is missing"},
           {whole + "data: d\n", "an absolute path"},
           {whole + "delay_hours: -1\n", "a number from 0"},
           {whole + "colour: red\n", "unknown key"},
           {"server_id: 12\n", "48 hex digits"},
           {"data: [", "yaml"}}) {
    const absl::Status status = ParseSweepConfig(yaml).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << yaml;
    EXPECT_TRUE(absl::StrContains(status.message(), what)) << status;
  }
}

}  // namespace
}  // namespace nightsafe
