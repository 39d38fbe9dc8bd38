#include "server/authz/role_table.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "nightsafe/v1/deposit.pb.h"
#include "nightsafe/v1/retrieve.pb.h"

namespace nightsafe {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using google::protobuf::ServiceDescriptor;

// By a message, so that the linker keeps the file.
template <typename Message>
const ServiceDescriptor* ServiceBeside() {
  return Message::descriptor()->file()->service(0);
}

// A service with one method that allows `roles`.
class TestService {
 public:
  explicit TestService(const std::vector<v1::Role>& roles)
      : pool_(DescriptorPool::generated_pool()) {
    FileDescriptorProto file;
    file.set_name("test_only.proto");
    file.set_package("test_only");
    file.set_syntax("proto3");
    file.add_dependency("nightsafe/v1/roles.proto");
    file.add_message_type()->set_name("Nothing");
    auto& service = *file.add_service();
    service.set_name("Service");
    auto& method = *service.add_method();
    method.set_name("Method");
    method.set_input_type(".test_only.Nothing");
    method.set_output_type(".test_only.Nothing");
    for (v1::Role role : roles) {
      method.mutable_options()->AddExtension(v1::allowed_roles, role);
    }
    descriptor_ = pool_.BuildFile(file)->service(0);
  }
  const ServiceDescriptor* descriptor() const { return descriptor_; }

 private:
  DescriptorPool pool_;
  const ServiceDescriptor* descriptor_;
};

TEST(RoleTable, TakesTheRolesOfTheProtoFiles) {
  auto table = RoleTable::Build({ServiceBeside<v1::DepositRequest>(),
                                 ServiceBeside<v1::ListVaultsRequest>()});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(table->Allows("/nightsafe.v1.Deposit/Session", v1::HOST));
  EXPECT_FALSE(table->Allows("/nightsafe.v1.Deposit/Session", v1::READER));
  EXPECT_TRUE(table->Allows("/nightsafe.v1.Retrieve/GetKeyring", v1::READER));
  EXPECT_FALSE(table->Allows("/nightsafe.v1.Retrieve/GetKeyring", v1::HOST));
}

TEST(RoleTable, UnknownPathsAllowNobody) {
  auto table = RoleTable::Build({ServiceBeside<v1::DepositRequest>()});
  ASSERT_TRUE(table.ok());
  for (const char* path :
       {"", "/", "nightsafe.v1.Deposit/Session",
        "//nightsafe.v1.Deposit/Session", "/nightsafe.v1.Deposit/Session/",
        "/nightsafe.v1.Deposit/session", "/nightsafe.v1.Deposit/Session?x",
        "/nightsafe.v1.Retrieve/GetKeyring"}) {
    EXPECT_FALSE(table->Knows(path)) << path;
    for (int role = 0; role < 6; ++role) {
      EXPECT_FALSE(table->Allows(path, static_cast<v1::Role>(role))) << path;
    }
  }
}

TEST(RoleTable, RefusesAMethodThatDeclaresNoRole) {
  const TestService service({});
  EXPECT_EQ(RoleTable::Build({service.descriptor()}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(RoleTable, RefusesTheUnspecifiedRole) {
  const TestService service({v1::HOST, v1::ROLE_UNSPECIFIED});
  EXPECT_EQ(RoleTable::Build({service.descriptor()}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(RoleTable, AcceptsATestServiceThatDeclaresItsRoles) {
  const TestService service({v1::HOST, v1::READER});
  auto table = RoleTable::Build({service.descriptor()});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(table->Allows("/test_only.Service/Method", v1::HOST));
  EXPECT_TRUE(table->Allows("/test_only.Service/Method", v1::READER));
  EXPECT_FALSE(table->Allows("/test_only.Service/Method", v1::ADMIN));
}

}  // namespace
}  // namespace nightsafe
