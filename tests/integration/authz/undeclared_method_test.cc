// A server does not start with a method whose roles nobody declared. In a
// program of its own: it adds such a service to the descriptor pool.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "nightsafe/v1/retrieve.pb.h"
#include "server/listener.h"

namespace nightsafe {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;

constexpr char kUndeclared[] = "undeclared.Service";

// As generated code does for a .proto file: one method, no allowed_roles.
void AddUndeclaredService() {
  FileDescriptorProto file;
  file.set_name("undeclared.proto");
  file.set_package("undeclared");
  file.set_syntax("proto3");
  file.add_dependency("nightsafe/v1/retrieve.proto");
  auto& service = *file.add_service();
  service.set_name("Service");
  auto& method = *service.add_method();
  method.set_name("Forgotten");
  method.set_input_type(".nightsafe.v1.ListVaultsRequest");
  method.set_output_type(".nightsafe.v1.ListVaultsReply");
  static const std::string bytes = file.SerializeAsString();  // kept by it
  DescriptorPool::InternalAddGeneratedFile(bytes.data(),
                                           static_cast<int>(bytes.size()));
}

std::unique_ptr<IdentitySource> Anybody() {
  return std::make_unique<FixedIdentity>(Principal{.role = v1::READER});
}

TEST(UndeclaredMethod, GetsNoListener) {
  AddUndeclaredService();
  const std::string retrieve(
      v1::ListVaultsRequest::descriptor()->file()->service(0)->full_name());
  Counters counters;
  EXPECT_TRUE(MakeAuthorizer({retrieve}, Anybody(), counters).ok());
  for (const std::vector<std::string>& services :
       {std::vector<std::string>{kUndeclared},
        std::vector<std::string>{retrieve, kUndeclared}}) {
    const auto authorizer = MakeAuthorizer(services, Anybody(), counters);
    EXPECT_EQ(authorizer.status().code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(absl::StrContains(authorizer.status().message(),
                                  "undeclared.Service.Forgotten"))
        << authorizer.status();
  }
}

TEST(UndeclaredMethodDeathTest, NoListenerStartsWithoutAnAuthorizer) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(Listener::Start("127.0.0.1:0", grpc::InsecureServerCredentials(),
                               nullptr, {}, {.threads = 4})
                   .status()
                   .IgnoreError(),
               "authorizer");
}

}  // namespace
}  // namespace nightsafe
