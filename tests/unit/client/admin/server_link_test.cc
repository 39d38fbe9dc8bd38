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

}  // namespace
}  // namespace nightsafe
