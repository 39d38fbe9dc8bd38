#include "client/restore/snapshot_name.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

absl::TimeZone TestZone() { return absl::FixedTimeZone(2 * 60 * 60); }

std::string Describe(const std::string& text) {
  auto name = ParseSnapshotName(text, TestZone());
  if (!name.ok()) return "error";
  std::string choice = "latest";
  if (name->choice == SnapshotName::Choice::kId) choice = name->id_prefix;
  if (name->choice == SnapshotName::Choice::kBefore) {
    choice = absl::FormatTime("<%Y-%m-%dT%H:%M:%SZ", name->before,
                              absl::UTCTimeZone());
  }
  return name->host + "|" + name->set + "|" + choice + "|" + name->path;
}

TEST(SnapshotName, Table) {
  const std::pair<std::string, std::string> kTable[] = {
      {"web1", "web1||latest|"},
      {"web1/files", "web1|files|latest|"},
      {"web1/pg-main@latest", "web1|pg-main|latest|"},
      {"web1@2026-11-23", "web1||<2026-11-23T22:00:00Z|"},
      {"web1@2026-11-23Z", "web1||<2026-11-24T00:00:00Z|"},
      {"web1@2026-11-23T14:00", "web1||<2026-11-23T12:01:00Z|"},
      {"web1@2026-11-23T14:00:05Z", "web1||<2026-11-23T14:00:06Z|"},
      {"web1@2026-11-23T14:00:/etc", "web1||<2026-11-23T12:01:00Z|/etc"},
      {"web1@1A2b3c", "web1||1a2b3c|"},
      {"web1/files@20261123:/var/lib/x/", "web1|files|20261123|/var/lib/x"},
      {"web1:/", "web1||latest|/"},
      {"web1:/a:/b@c", "web1||latest|/a:/b@c"},
      {"", "error"},
      {":/etc", "error"},
      {"Web1", "error"},
      {"web1/", "error"},
      {"web1/a/b", "error"},
      {"../x", "error"},
      {"web1:etc", "error"},
      {"web1:/a/../b", "error"},
      {"web1@", "error"},
      {"web1@abc12", "error"},
      {"web1@yesterday", "error"},
      {"web1@2026-13-01", "error"},
      {"web1@2026-02-30", "error"},
      {"web1@2026-11-23T24:61", "error"},
      {"web1@2026-11", "error"},
      {"web1@2026-11-23 14:00", "error"},
      {"web1@" + std::string(65, 'a'), "error"},
  };
  for (const auto& [text, expected] : kTable) {
    EXPECT_EQ(Describe(text), expected) << text;
  }
}

TEST(SnapshotName, ErrorsSayWhatIsExpected) {
  auto name = ParseSnapshotName("web1@2026-02-30", TestZone());
  EXPECT_NE(std::string(name.status().message()).find("2026-11-23"),
            std::string::npos);
  name = ParseSnapshotName("web1@abc", TestZone());
  EXPECT_NE(std::string(name.status().message()).find("6 to 64"),
            std::string::npos);
}

}  // namespace
}  // namespace nightsafe
