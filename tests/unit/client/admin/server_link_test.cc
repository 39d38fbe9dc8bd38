#include "client/admin/server_link.h"

#include <gtest/gtest.h>

namespace nightsafe {
namespace {

TEST(SshTarget, TakesUserPortAndSocket) {
  absl::StatusOr<SshTarget> target =
      ParseSshTarget("root@backup1:2222/srv/a/admin.sock");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->destination, "root@backup1");
  EXPECT_EQ(target->port, "2222");
  EXPECT_EQ(target->socket, "/srv/a/admin.sock");
}

TEST(SshTarget, HasDefaults) {
  absl::StatusOr<SshTarget> target = ParseSshTarget("backup1");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->destination, "backup1");
  EXPECT_EQ(target->port, "");
  EXPECT_EQ(target->socket, kDefaultAdminSocket);
}

TEST(SshTarget, RefusesWhatSshWouldTakeForAnOption) {
  for (const char* url : {"", "-oProxyCommand=x", ":22", "host:", "host:2x",
                          "root@", "host/dir/"}) {
    EXPECT_FALSE(ParseSshTarget(url).ok()) << url;
  }
}

TEST(ServerLink, RefusesOtherForms) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(ServerLink::Open("backup1:7480").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ServerLink::Open("").status()));
}

TEST(ServerLink, TellsTheNetworkFromSockets) {
  for (const char* address :
       {"backup1:7482", "[::1]:7482", "192.0.2.1:7482", "backup1.example:1"}) {
    EXPECT_TRUE(IsNetworkAddress(address)) << address;
  }
  for (const char* other :
       {"", "backup1", "/run/admin.sock", "/run/a:b", "unix:/run/admin.sock",
        "ssh://backup1", "ssh://root@backup1:22/run/admin.sock"}) {
    EXPECT_FALSE(IsNetworkAddress(other)) << other;
  }
  // Without a credential it is no way.
  EXPECT_TRUE(
      absl::IsInvalidArgument(ServerLink::Open("backup1:7482").status()));
}

}  // namespace
}  // namespace nightsafe
