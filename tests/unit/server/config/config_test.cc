#include "server/config.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(ServerConfig, WhatInitWritesReadsBackTheSame) {
  ServerConfig config;
  config.listen = "127.0.0.1:0";
  config.enrol_listen = "[::1]:9";
  config.metrics_listen = "";
  config.admin_socket = "/run/x.sock";
  config.admin_listen = "[::]:7482";
  config.address = "backup.example:7480";
  config.enrol_address = "backup.example:7481";
  config.reserve_bytes = 5;
  config.reserve_share = 0.25;
  config.pack_bytes = 2 << 20;
  config.idle_timeout = absl::Seconds(7);
  config.session_expiry = absl::Seconds(6);
  config.max_threads = 33;
  config.scrub_interval = absl::Hours(36);
  config.scrub_bytes_per_second = 123;
  config.host_quota_bytes = 7;
  config.host_quota_objects = 8;
  config.snapshots_per_day = 9;
  config.sessions_per_host = 10;
  config.commits_per_day = 11;
  config.manifest_bytes_per_day = 12;
  config.sets_per_host = 13;
  auto read = ParseConfig(FormatConfig(config));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->listen, config.listen);
  EXPECT_EQ(read->enrol_listen, config.enrol_listen);
  EXPECT_EQ(read->metrics_listen, "");
  EXPECT_EQ(read->admin_socket, config.admin_socket);
  EXPECT_EQ(read->admin_listen, "[::]:7482");
  EXPECT_EQ(read->address, config.address);
  EXPECT_EQ(read->enrol_address, config.enrol_address);
  EXPECT_EQ(read->reserve_bytes, 5u);
  EXPECT_EQ(read->reserve_share, 0.25);
  EXPECT_EQ(read->pack_bytes, 2u << 20);
  EXPECT_EQ(read->idle_timeout, absl::Seconds(7));
  EXPECT_EQ(read->session_expiry, absl::Seconds(6));
  EXPECT_EQ(read->max_threads, 33);
  EXPECT_EQ(read->scrub_interval, absl::Hours(36));
  EXPECT_EQ(read->scrub_bytes_per_second, 123u);
  EXPECT_EQ(read->host_quota_bytes, 7u);
  EXPECT_EQ(read->host_quota_objects, 8u);
  EXPECT_EQ(read->snapshots_per_day, 9u);
  EXPECT_EQ(read->sessions_per_host, 10);
  EXPECT_EQ(read->commits_per_day, 11u);
  EXPECT_EQ(read->manifest_bytes_per_day, 12u);
  EXPECT_EQ(read->sets_per_host, 13u);
}

TEST(ServerConfig, ReadsBackWhatYamlWouldTakeForSomethingElse) {
  for (const char* socket :
       {"/run/a \"b\".sock", "/run/back\\slash", "/run/#no: comment",
        "/run/two\nlines\t", "/run/\xc3\xa4.sock", "/run/\x04.sock"}) {
    ServerConfig config;
    config.admin_socket = socket;
    config.reserve_share = 0.123456789;
    auto read = ParseConfig(FormatConfig(config));
    ASSERT_TRUE(read.ok()) << socket << ": " << read.status();
    EXPECT_EQ(read->admin_socket, socket);
    EXPECT_EQ(read->reserve_share, 0.123456789);
  }
}

TEST(ServerConfig, EmptyFileMeansDefaults) {
  auto read = ParseConfig("");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->listen, ServerConfig().listen);
  EXPECT_EQ(read->admin_listen, "");
}

TEST(ServerConfig, ErrorsNameTheKey) {
  const struct {
    const char* yaml;
    const char* named;
  } cases[] = {
      {"lisen: \"[::]:1\"", "lisen"},
      {"listen: \"nowhere\"", "listen"},
      {"listen: [1, 2]", "listen"},
      {"enrol_listen: \"a:b\"", "enrol_listen"},
      {"admin_listen: \"7482\"", "admin_listen"},
      {"admin_listen: \"unix:/run/x.sock\"", "admin_listen"},
      {"admin_listen: true", "admin_listen"},
      {"address: \"::1:80\"", "address"},
      {"reserve_bytes: many", "reserve_bytes"},
      {"reserve_bytes: -1", "reserve_bytes"},
      {"reserve_share: 2", "reserve_share"},
      {"reserve_share: nan", "reserve_share"},
      {"pack_bytes: 1000", "pack_bytes"},
      {"pack_bytes: 2000000000", "pack_bytes"},
      {"idle_timeout_seconds: 0", "idle_timeout_seconds"},
      {"session_expiry_seconds: 0", "session_expiry_seconds"},
      {"session_expiry_seconds: soon", "session_expiry_seconds"},
      {"max_threads: 1", "max_threads"},
      {"scrub_interval_days: -1", "scrub_interval_days"},
      {"scrub_interval_days: nan", "scrub_interval_days"},
      {"scrub_bytes_per_second: fast", "scrub_bytes_per_second"},
      {"- list", "map"},
      {"a: b: c", "line"},
  };
  for (const auto& [yaml, named] : cases) {
    const auto read = ParseConfig(yaml);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << yaml;
    EXPECT_NE(read.status().message().find(named), absl::string_view::npos)
        << read.status();
  }
}

TEST(HostPort, ReadsNamesAndBothKindsOfAddresses) {
  EXPECT_EQ(ParseHostPort("backup1:7480")->host, "backup1");
  EXPECT_EQ(ParseHostPort("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseHostPort("127.0.0.1:65535")->port, 65535);
  for (const char* bad : {"", ":1", "a", "a:", "a:-1", "a:65536", "::1",
                          "a b:1", "unix:/x", "[]:1", "\"x\":1"}) {
    EXPECT_FALSE(ParseHostPort(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace nightsafe
