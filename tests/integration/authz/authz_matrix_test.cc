// Every method x every listener x every kind of credential. What is expected
// follows from two things only: the roles that the .proto declares beside the
// method, and what the credential truly is.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "server/authz/authorizer.h"
#include "tests/integration/authz/authz_world.h"
#include "tests/integration/authz/methods.h"
#include "tests/integration/authz/raw_call.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

struct ListenerUnderTest {
  enum Kind { kPeers, kAdmins, kEnrolment, kAdminSocket, kRescueSocket };
  Kind kind;
  std::string name;
  std::string address;
};

// What the listener takes this caller for; nothing: it cannot speak to it.
std::optional<v1::Role> RoleAt(const ListenerUnderTest& listener,
                               const Credential& credential) {
  const bool tls = credential.caller.transport == Transport::kTls;
  switch (listener.kind) {
    case ListenerUnderTest::kPeers:
      if (!tls || credential.tls_refuses) return std::nullopt;
      return credential.role == v1::ADMIN ? v1::ROLE_UNSPECIFIED
                                          : credential.role;
    case ListenerUnderTest::kAdmins:
      if (!tls || credential.tls_refuses) return std::nullopt;
      return credential.role == v1::ADMIN ? v1::ADMIN : v1::ROLE_UNSPECIFIED;
    case ListenerUnderTest::kEnrolment:
      if (!tls) return std::nullopt;
      return v1::ENROLLEE;
    case ListenerUnderTest::kAdminSocket:
      if (tls) return std::nullopt;
      return v1::ADMIN;
    default:
      if (tls) return std::nullopt;
      return v1::READER;
  }
}

// There are no certificates to renew where none is shown.
bool IsOffered(const ListenerUnderTest& listener, const Method& method) {
  return listener.kind == ListenerUnderTest::kPeers ||
         listener.kind == ListenerUnderTest::kAdmins ||
         !absl::StartsWith(method.path, "/nightsafe.v1.Renewal/");
}

enum class Verdict { kUnreachable, kDenied, kPassed };

// kPassed: not stopped on account of who calls.
std::optional<Verdict> VerdictOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return Verdict::kUnreachable;
    case grpc::StatusCode::PERMISSION_DENIED:
      if (status.error_message() != kDenied) return std::nullopt;
      if (!status.error_details().empty()) return std::nullopt;
      return Verdict::kDenied;
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return std::nullopt;
    default:
      return Verdict::kPassed;
  }
}

std::string Describe(const grpc::Status& status) {
  return absl::StrCat("code ", static_cast<int>(status.error_code()), " '",
                      status.error_message(), "'");
}

std::string RandomBytes() { return std::string(RandomId<ObjectId>().text()); }

// What a careless comparison of paths might take for the method.
std::vector<std::string> PathVariants(const Method& method) {
  const std::string& path = method.path;
  const std::string& service = method.descriptor->service()->full_name();
  const std::string& name = method.descriptor->name();
  return {path.substr(1),
          "/" + path,
          path + "/",
          path + "/" + name,
          path + "?",
          path + "#",
          path + "%00",
          path + ".",
          path + "x",
          path.substr(0, path.size() - 1),
          absl::AsciiStrToLower(path),
          absl::AsciiStrToUpper(path),
          absl::StrCat("/", service, "//", name),
          absl::StrCat("/", service, "%2F", name),
          absl::StrCat("/", service, ".", name),
          absl::StrCat("/./", service, "/", name),
          absl::StrCat("/x/../", service, "/", name),
          absl::StrCat("http://", service, path),
          absl::StrCat("/", service),
          absl::StrCat("/", service, "/"),
          absl::StrCat("/", service, "/NoSuchMethod"),
          absl::StrCat("/x.", service, "/", name),
          absl::StrCat("/", method.descriptor->service()->name(), "/", name),
          "/grpc.health.v1.Health/Check",
          "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
          "/",
          "*"};
}

// A refused handshake is what most cells are about: gRPC need not tell each.
const bool kQuiet = setenv("GRPC_VERBOSITY", "NONE", 0) == 0;

class AuthzMatrixTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(kQuiet);
    const Server::Addresses& addresses = world_.server().server().addresses();
    listeners_ = {{ListenerUnderTest::kPeers, "mTLS", addresses.deposit},
                  {ListenerUnderTest::kAdmins, "admin mTLS", addresses.admin},
                  {ListenerUnderTest::kEnrolment, "enrolment", addresses.enrol},
                  {ListenerUnderTest::kAdminSocket, "admin socket",
                   "unix:" + addresses.admin_socket}};
    MakeRequests();
    digest_ = world_.Digest();
  }

  // Requests that would each do something if they were let through: a token
  // that is still good, an order that the admin key has signed.
  void MakeRequests() {
    const Secret32 token = RandomSecret();
    Registry& registry = world_.server().server().data().registry();
    world_.server().EnrolHost("victim");
    ASSERT_TRUE(registry
                    .AddHost("main", "newcomer", "",
                             TokenHash::FromValidBytes(HashOf(token.view())),
                             absl::Now() + absl::Hours(1))
                    .ok());
    v1::format::Order order;
    order.set_server_id(std::string(id_.text()));
    order.set_vault("main");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.mutable_revoke_host()->set_host("victim");
    order_ = SignOrder(world_.server().admin_key(), order);
    admin_csr_ = *MakeCsrDer(*GeneratePrivateKeyPem());
    admin_order_ = world_.server().AddAdminOrder("spare", admin_csr_);
    values_.texts = {{"vaults", "main"},
                     {"name", "spare"},
                     {"set", "files"},
                     {"session", std::string(RandomId<SessionId>().text())},
                     {"token", std::string(AsText(token.view()))},
                     {"csr_der", *MakeCsrDer(*GeneratePrivateKeyPem())},
                     {"vault_id", RandomBytes()},
                     {"verify_key", RandomBytes()},
                     {"opening_public_key", RandomBytes()},
                     {"ids", RandomBytes()}};
    values_.numbers = {
        {"protocol", 1},
        {"domain_number", 1},
        {"expires_unix_ns", absl::ToUnixNanos(absl::Now() + absl::Hours(1))}};
    values_.messages = {{order_.GetDescriptor()->full_name(), &order_}};
  }

  std::string Request(const Method& method, const std::string& vault) {
    FieldValues values = values_;
    values.texts["vault"] = vault;
    values.texts["token_hash"] = RandomBytes();  // each token has its own
    if (method.descriptor->name() == "AddAdmin") {
      values.texts["csr_der"] = admin_csr_;
      values.messages.begin()->second = &admin_order_;
    }
    return MakeRequest(method, values);
  }

  grpc::Status Call(const ListenerUnderTest& listener,
                    const Credential& credential, const std::string& path,
                    const std::string& request) {
    return RawCall(Dial(listener.address, credential.caller, id_, ca_pem_),
                   path, request);
  }

  void TryCell(const ListenerUnderTest& listener, const Credential& credential,
               const Method& method) {
    const std::optional<v1::Role> role = RoleAt(listener, credential);
    const Verdict expected = !role ? Verdict::kUnreachable
                             : !IsOffered(listener, method) ? Verdict::kDenied
                             : method.roles.count(*role) == 1
                                 ? Verdict::kPassed
                                 : Verdict::kDenied;
    const std::string cell =
        absl::StrCat(listener.name, ", ", credential.name, ", ", method.path);
    const grpc::Status status = Call(listener, credential, method.path,
                                     Request(method, credential.vault));
    Count(cell, expected, status);
    if (status.ok()) fulfilled_.insert(method.path);
  }

  // A cell that is not to pass must leave every byte as it was.
  void Count(const std::string& cell, Verdict expected,
             const grpc::Status& status) {
    const bool right = VerdictOf(status) == expected;
    EXPECT_TRUE(right) << cell << ": " << Describe(status);
    const std::string digest = world_.Digest();
    const bool untouched = digest == digest_;
    const bool may_change = expected == Verdict::kPassed;
    EXPECT_TRUE(untouched || may_change) << cell << " changed the data";
    digest_ = digest;
    ++cells_;
    ok_ += right && (untouched || may_change);
    allowed_ += may_change;
    changed_ += !untouched;
  }

  void Print(const char* what) const {
    std::printf("%s: cells=%d ok=%d (%d of them allowed)\n", what, cells_, ok_,
                allowed_);
  }

  AuthzWorld world_;
  const ServerId id_ = world_.server().server_id();
  const std::string ca_pem_ = world_.server().ca_pem();
  const std::vector<Method> methods_ = AllMethods();
  std::vector<ListenerUnderTest> listeners_;
  v1::format::SignedOrder order_;
  v1::format::SignedOrder admin_order_;
  std::string admin_csr_;
  FieldValues values_;
  int cells_ = 0;
  int ok_ = 0;
  int allowed_ = 0;
  int changed_ = 0;
  std::set<std::string> fulfilled_;  // paths
  std::string digest_;               // after the last cell
};

TEST_F(AuthzMatrixTest, ExactlyTheDeclaredCellsAreAllowed) {
  const CredentialList credentials = world_.Credentials();
  for (const ListenerUnderTest& listener : listeners_) {
    for (const Credential& credential : credentials) {
      for (const Method& method : methods_) {
        TryCell(listener, credential, method);
      }
    }
  }
  std::printf("methods=%zu listeners=%zu credentials=%zu\n", methods_.size(),
              listeners_.size(), credentials.size());
  Print("matrix");
  EXPECT_EQ(cells_, ok_);
  // So a cell that should have been denied would have done something, and the
  // digest would have told.
  EXPECT_EQ(fulfilled_.size(), methods_.size());
  EXPECT_GT(changed_, 0);
}

TEST_F(AuthzMatrixTest, OnlyTheExactPathIsAMethod) {
  const CredentialList credentials = world_.Credentials();
  for (const ListenerUnderTest& listener : listeners_) {
    for (const char* name : {"host", "reader", "admin", "local, no TLS"}) {
      const auto credential =
          std::find_if(credentials.begin(), credentials.end(),
                       [&](const auto& each) { return each.name == name; });
      ASSERT_NE(credential, credentials.end());
      if (!RoleAt(listener, *credential)) continue;
      for (const Method& method : methods_) {
        for (const std::string& path : PathVariants(method)) {
          Count(absl::StrCat(listener.name, ", ", name, ", '", path, "'"),
                Verdict::kDenied,
                Call(listener, *credential, path,
                     Request(method, credential->vault)));
        }
      }
    }
  }
  Print("paths");
  EXPECT_EQ(cells_, ok_);
  EXPECT_EQ(changed_, 0);
}

TEST_F(AuthzMatrixTest, ARevocationHoldsOnOpenConnections) {
  const auto open = [&](size_t listener, const PeerCredential& credential) {
    return Dial(listeners_[listener].address, {Transport::kTls, credential},
                id_, ca_pem_);
  };
  const auto host = open(0, world_.web1());
  const auto reader = open(0, world_.alice());
  const auto admin = open(1, world_.ops());
  const auto call_all = [&](const auto& channel, v1::Role role) {
    for (const Method& method : methods_) {
      Count(method.path,
            method.roles.count(role) == 1 ? Verdict::kPassed : Verdict::kDenied,
            RawCall(channel, method.path, Request(method, "main")));
    }
  };
  call_all(host, v1::HOST);
  call_all(reader, v1::READER);
  call_all(admin, v1::ADMIN);
  EXPECT_GT(allowed_, 0);
  world_.server().RevokeHost("main", "web1");
  world_.server().RevokeReader("alice");
  world_.server().RevokeAdmin("ops");
  digest_ = world_.Digest();
  call_all(host, v1::ROLE_UNSPECIFIED);
  call_all(reader, v1::ROLE_UNSPECIFIED);
  call_all(admin, v1::ROLE_UNSPECIFIED);
  Print("revoked");
  EXPECT_EQ(cells_, ok_);
}

// The rescue socket reads every vault, and that is all it does.
TEST_F(AuthzMatrixTest, RescueAllowsWhatReadersMay) {
  TestServer& server = world_.server();
  server.Stop();
  TemporaryDirectory directory;
  const std::string socket = directory.Path("rescue.sock");
  const auto rescue =
      RescueServer::Start(server.fs(), server.clock(), server.data(), socket);
  ASSERT_TRUE(rescue.ok()) << rescue.status();
  digest_ = world_.Digest();
  const ListenerUnderTest listener{ListenerUnderTest::kRescueSocket,
                                   "rescue socket", "unix:" + socket};
  for (const Credential& credential : world_.Credentials()) {
    if (credential.role == v1::ROLE_UNSPECIFIED &&
        credential.caller.transport == Transport::kTls) {
      continue;  // TLS is not spoken there, whoever speaks it
    }
    for (const Method& method : methods_) TryCell(listener, credential, method);
  }
  Print("rescue");
  EXPECT_EQ(cells_, ok_);
  EXPECT_EQ(changed_, 0);
  EXPECT_FALSE(fulfilled_.empty());
}

TEST_F(AuthzMatrixTest, TheAdminSocketIsBehindAClosedDirectory) {
  const std::string socket = world_.server().server().addresses().admin_socket;
  struct stat info {};
  ASSERT_EQ(stat(std::filesystem::path(socket).parent_path().c_str(), &info),
            0);
  EXPECT_EQ(info.st_mode & S_IRWXO, 0u);
}

// So that no service stays out of the matrix because nothing links it.
TEST(AuthzMethods, AreAllThatTheProtoFilesDeclare) {
  size_t declared = 0;
  for (absl::string_view word : absl::StrSplit(
           ReadSourceFile("proto/CMakeLists.txt"), absl::ByAnyChar(" \n()"))) {
    if (!absl::EndsWith(word, ".proto")) continue;
    const std::string text = ReadSourceFile(absl::StrCat("proto/", word));
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      declared += absl::StartsWith(absl::StripAsciiWhitespace(line), "rpc ");
    }
  }
  EXPECT_EQ(AllMethods().size(), declared);
  EXPECT_GT(declared, 0u);
}

}  // namespace
}  // namespace nightsafe
