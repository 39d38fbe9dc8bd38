#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

ServerId SomeServer() {
  ServerId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = std::byte(i);
  return id;
}

TEST(PeerIdentity, UriRoundTrips) {
  const PeerIdentity identities[] = {
      {SomeServer(), PeerRole::kHost, "main", "web1"},
      {SomeServer(), PeerRole::kReader, "", "alice"},
      {SomeServer(), PeerRole::kAdmin, "", "root"},
  };
  for (const PeerIdentity& identity : identities) {
    auto parsed = PeerIdentity::FromUri(identity.ToUri());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_TRUE(*parsed == identity) << identity.ToUri();
  }
}

TEST(PeerIdentity, RefusesEveryOtherForm) {
  const std::string server = SomeServer().Hex();
  const std::string upper = "000102030405060708090A0B0C0D0E0F1011121314151617";
  for (const std::string& uri : {
           std::string(),
           std::string("nightsafe://"),
           absl::StrCat("nightsafe://", server),
           absl::StrCat("nightsafe://", server, "/host/web1"),
           absl::StrCat("nightsafe://", server, "/host/main/web1/"),
           absl::StrCat("nightsafe://", server, "/host//web1"),
           absl::StrCat("nightsafe://", server, "/host/main/"),
           absl::StrCat("nightsafe://", server, "/host/main/web1/x"),
           absl::StrCat("nightsafe://", server, "/reader/main/web1"),
           absl::StrCat("nightsafe://", server, "/reader/"),
           absl::StrCat("nightsafe://", server, "/root/web1"),
           absl::StrCat("nightsafe://", server, "/reader/WEB1"),
           absl::StrCat("nightsafe://", server, "/reader/a,URI:b"),
           absl::StrCat("nightsafe://", server, "/reader/a?b"),
           absl::StrCat("nightsafe://", server, "/reader/a", std::string(1, 0)),
           absl::StrCat("NIGHTSAFE://", server, "/reader/a"),
           absl::StrCat(" nightsafe://", server, "/reader/a"),
           absl::StrCat("nightsafe://", server.substr(2), "/reader/a"),
           absl::StrCat("nightsafe://", upper, "/reader/a"),
           absl::StrCat("nightsafe://", server, "/reader/",
                        std::string(600, 'a')),
       }) {
    EXPECT_EQ(PeerIdentity::FromUri(uri).status().code(),
              absl::StatusCode::kInvalidArgument)
        << uri;
  }
}

}  // namespace
}  // namespace nightsafe
