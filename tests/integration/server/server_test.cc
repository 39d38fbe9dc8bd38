// A real server and real connections: enrolment, deposit, retrieve, admin.
#include "server/server.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <thread>

#include "client/rpc/admin_client.h"
#include "client/rpc/enrol_client.h"
#include "client/rpc/retrieve_client.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/pki/pki.h"
#include "tests/support/deposit_call.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {
namespace {

class ServerTest : public testing::Test {
 protected:
  TestServer test_;
};

TEST_F(ServerTest, WhatAHostCommitsAReaderGetsAndNobodyElse) {
  const HostCredential host = test_.EnrolHost("web1");
  const auto connection = test_.Connect(host);
  const SessionId session = RandomId<SessionId>();
  DepositCall stream(*connection);
  ASSERT_TRUE(stream.Open(session));
  const v1::DepositReply reply = stream.DepositOne(host, session);
  ASSERT_TRUE(reply.has_committed()) << reply.ShortDebugString();
  const SealedObject data = SealOneTree(host, "hello").data;
  EXPECT_TRUE(stream.Finish().ok());

  const auto reading = test_.Connect(test_.EnrolReader("alice"));
  const RetrieveClient reader(*reading);
  const auto vaults = reader.ListVaults();
  ASSERT_TRUE(vaults.ok()) << vaults.status();
  ASSERT_EQ(vaults->size(), 1u);
  EXPECT_EQ((*vaults)[0].name, "main");
  const auto keyring = reader.GetKeyring("main");
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  EXPECT_TRUE(OpenKeyring(AsBytes(*keyring), test_.recovery_key(),
                          test_.main_keyring().vault_id())
                  .ok());
  const auto snapshots = reader.ListSnapshots("main", "", "");
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  ASSERT_EQ(snapshots->size(), 1u);
  const ObjectId absent = RandomId<ObjectId>();
  size_t seen = 0;
  const absl::Status fetched =
      reader.FetchObjects("main", (*snapshots)[0].domain_number,
                          {data.ref.id, absent}, [&](RemoteObject object) {
                            ++seen;
                            if (object.id == absent) {
                              EXPECT_TRUE(absl::IsNotFound(object.status));
                            } else {
                              EXPECT_EQ(object.bytes, data.bytes);
                            }
                            return absl::OkStatus();
                          });
  EXPECT_TRUE(fetched.ok()) << fetched;
  EXPECT_EQ(seen, 2u);

  const RetrieveClient by_host(*connection);
  EXPECT_TRUE(absl::IsPermissionDenied(by_host.ListVaults().status()));
}

// Anybody may call there, so nobody may make the server hold much.
TEST_F(ServerTest, EnrolmentTakesSmallMessagesOnly) {
  const auto connection = test_.ConnectForEnrolment();
  const std::string large(100 << 10, 'x');
  const auto refused =
      EnrolForCertificateDer(*connection, AsBytes("token"), AsBytes(large));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
}

TEST(InitServer, SaysWhatAnInterruptedOneLeft) {
  const SystemClock clock;
  const VerifyKey admin = SigningKey::Generate().verify_key();
  const auto posix = NewPosixFileSystem();
  const ServerConfig config = TestServer::LoopbackConfig();
  bool failed = true;
  uint64_t k = 0;
  for (; failed && k < 200; ++k) {
    const TemporaryDirectory directory;
    const std::string data = directory.Path("data");
    FaultyFileSystem fs(*posix);
    fs.FailMutatingCall(k, absl::UnavailableError("injected EIO"), true);
    failed = !InitServer(fs, clock, data, admin, config).ok();
    auto again = InitServer(*posix, clock, data, admin, config);
    if (again.ok()) continue;  // Nothing had been made yet.
    const std::string message(again.status().message());
    if (fs.Stat(data + "/" + std::string(kConfigFile)).ok()) {
      EXPECT_NE(message.find("already"), std::string::npos) << message;
      EXPECT_EQ(message.find("rm -r"), std::string::npos) << message;
      continue;
    }
    const size_t command = message.find("rm -r ");
    ASSERT_NE(command, std::string::npos) << message;
    ASSERT_EQ(::system(message.substr(command).c_str()), 0) << message;
    again = InitServer(*posix, clock, data, admin, config);
    ASSERT_TRUE(again.ok()) << again.status();
  }
  EXPECT_GT(k, 10u);
  EXPECT_FALSE(failed);
}

TEST_F(ServerTest, AnotherReadersVaultAndAnUnknownOneLookTheSame) {
  test_.AddVault("other");
  const auto connection = test_.Connect(test_.EnrolReader("alice"));
  const RetrieveClient reader(*connection);
  const auto foreign = reader.ListSnapshots("other", "", "");
  const auto unknown = reader.ListSnapshots("nothing", "", "");
  EXPECT_TRUE(absl::IsPermissionDenied(foreign.status()));
  EXPECT_EQ(foreign.status(), unknown.status());
}

TEST_F(ServerTest, CommitsSurviveARestart) {
  const HostCredential host = test_.EnrolHost("web1");
  const SessionId session = RandomId<SessionId>();
  {
    const auto connection = test_.Connect(host);
    DepositCall stream(*connection);
    ASSERT_TRUE(stream.Open(session));
    ASSERT_TRUE(stream.DepositOne(host, session).has_committed());
    EXPECT_TRUE(stream.Finish().ok());
  }
  test_.Stop();
  test_.Start();
  EXPECT_TRUE(test_.server().startup_report().clean);
  const auto connection = test_.ConnectAsAdmin();
  const AdminClient admin(*connection);
  const auto hosts = admin.ListHosts("main");
  ASSERT_TRUE(hosts.ok()) << hosts.status();
  ASSERT_EQ(hosts->size(), 1u);
  EXPECT_EQ((*hosts)[0].snapshots(), 1u);
  EXPECT_GT((*hosts)[0].last_commit_unix_ns(), 0);
  const auto snapshots = admin.ListSnapshots([] {
    v1::AdminListSnapshotsRequest request;
    request.set_vault("main");
    return request;
  }());
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  ASSERT_EQ(snapshots->size(), 1u);
  EXPECT_EQ((*snapshots)[0].host(), "web1");
}

TEST_F(ServerTest, ANewStreamSupersedesTheOldOne) {
  const HostCredential host = test_.EnrolHost("web1");
  const auto connection = test_.Connect(host);
  const SessionId session = RandomId<SessionId>();
  DepositCall first(*connection);
  ASSERT_TRUE(first.Open(session));
  DepositCall second(*connection);
  ASSERT_TRUE(second.Open(session));
  EXPECT_EQ(first.Finish().error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(second.DepositOne(host, session).has_committed());
  EXPECT_TRUE(second.Finish().ok());
}

TEST_F(ServerTest, RevocationEndsAnOpenStreamAndTheNextCall) {
  const HostCredential host = test_.EnrolHost("web1");
  const auto connection = test_.Connect(host);
  DepositCall stream(*connection);
  ASSERT_TRUE(stream.Open(RandomId<SessionId>()));
  test_.RevokeHost("main", "web1");
  v1::DepositReply reply;
  EXPECT_FALSE(stream.Read(reply));  // waits for the supervisor
  const grpc::Status ended = stream.Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  DepositCall again(*connection);
  EXPECT_FALSE(again.Open(RandomId<SessionId>()));
  const grpc::Status refused = again.Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused.error_message(), ended.error_message());
}

TEST(ServerLimits, AnIdleStreamIsEnded) {
  ServerConfig config = TestServer::LoopbackConfig();
  config.idle_timeout = absl::Seconds(1);
  TestServer test(config);
  const HostCredential host = test.EnrolHost("web1");
  const auto connection = test.Connect(host);
  DepositCall stream(*connection);
  ASSERT_TRUE(stream.Open(RandomId<SessionId>()));
  v1::DepositReply reply;
  EXPECT_FALSE(stream.Read(reply));
  // What an agent takes for worth a new try.
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(ServerLimits, ASessionThatWasLeftExpires) {
  TestClock clock;
  clock.Set(absl::Now());
  ServerConfig config = TestServer::LoopbackConfig();
  config.session_expiry = absl::Seconds(1);
  TestServer test(config, &clock);
  const HostCredential host = test.EnrolHost("web1");
  const auto connection = test.Connect(host);
  DepositCall stream(*connection);
  ASSERT_TRUE(stream.Open(RandomId<SessionId>()));
  v1::DepositRequest put;
  put.mutable_put()->set_number(1);
  put.mutable_put()->add_objects(SealOneTree(host, "left").data.bytes);
  v1::DepositReply reply;
  ASSERT_TRUE(stream.Write(put) && stream.Read(reply) && reply.has_stored());
  EXPECT_TRUE(stream.Finish().ok());
  Vault& vault = **test.server().data().FindVault("main");
  ASSERT_EQ(vault.IdleSessions().size(), 1u);  // the clock stands
  clock.Set(clock.Now() + absl::Seconds(2));
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (!vault.IdleSessions().empty() && absl::Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(vault.IdleSessions().empty());
}

TEST_F(ServerTest, AStopEndsWaitingStreamsAtOnce) {
  const HostCredential host = test_.EnrolHost("web1");
  const auto connection = test_.Connect(host);
  DepositCall stream(*connection);
  ASSERT_TRUE(stream.Open(RandomId<SessionId>()));
  const absl::Time begin = absl::Now();
  test_.Stop();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, AHostHasSoManyStreamsAndNoMore) {
  const HostCredential host = test_.EnrolHost("web1");
  const auto connection = test_.Connect(host);
  std::vector<std::unique_ptr<DepositCall>> streams;
  for (int i = 0; i < 4; ++i) {
    streams.push_back(std::make_unique<DepositCall>(*connection));
    ASSERT_TRUE(streams.back()->Open(RandomId<SessionId>())) << i;
  }
  DepositCall extra(*connection);
  EXPECT_FALSE(extra.Open(RandomId<SessionId>()));
  EXPECT_EQ(extra.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, BrokenProtocolIsNamed) {
  const HostCredential host = test_.EnrolHost("web1");
  const auto connection = test_.Connect(host);
  v1::DepositRequest offer;
  offer.mutable_offer()->set_number(1);
  offer.mutable_offer()->set_ids(std::string(32, 'x'));
  {
    DepositCall stream(*connection);
    stream.Write(offer);
    EXPECT_EQ(stream.Finish().error_code(),
              grpc::StatusCode::FAILED_PRECONDITION);
  }
  {
    DepositCall stream(*connection);
    EXPECT_FALSE(stream.Open(RandomId<SessionId>(), "No Set"));
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  {
    DepositCall stream(*connection);
    ASSERT_TRUE(stream.Open(RandomId<SessionId>()));
    v1::DepositReply reply;
    ASSERT_TRUE(stream.Write(offer) && stream.Read(reply));
    EXPECT_EQ(reply.wanted().bitmap(), "\x01");
    stream.Write(offer);  // the number does not rise
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  {
    DepositCall stream(*connection);
    ASSERT_TRUE(stream.Open(RandomId<SessionId>()));
    v1::DepositRequest put;
    put.mutable_put()->set_number(1);
    put.mutable_put()->add_objects("not an object");
    stream.Write(put);
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(ServerTest, ATokenServesOneKeyOnly) {
  const Secret32 token = RandomSecret();
  ASSERT_TRUE(test_.server()
                  .data()
                  .registry()
                  .AddHost("main", "web1", "",
                           TokenHash::FromValidBytes(HashOf(token.view())),
                           absl::Now() + absl::Hours(1))
                  .ok());
  const auto connection = test_.ConnectForEnrolment();
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem());
  const auto first =
      EnrolForCertificateDer(*connection, token.view(), AsBytes(csr));
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again =
      EnrolForCertificateDer(*connection, token.view(), AsBytes(csr));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *first);
  const std::string other = *MakeCsrDer(*GeneratePrivateKeyPem());
  const auto stolen =
      EnrolForCertificateDer(*connection, token.view(), AsBytes(other));
  const auto unknown = EnrolForCertificateDer(
      *connection, RandomSecret().view(), AsBytes(other));
  EXPECT_TRUE(absl::IsPermissionDenied(stolen.status()));
  EXPECT_EQ(stolen.status(), unknown.status());
}

TEST_F(ServerTest, ASecondServerOnTheSameDirectoryIsRefused) {
  const auto second = Server::Start(test_.fs(), test_.clock(), test_.data(),
                                    TestServer::LoopbackConfig());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  const auto connection = test_.ConnectAsAdmin();
  EXPECT_TRUE(AdminClient(*connection).GetServer().ok());
}

TEST_F(ServerTest, APortInUseIsAPlainErrorAndLeavesACleanDirectory) {
  TestServer other;
  ServerConfig config = TestServer::LoopbackConfig();
  config.listen = other.server().addresses().deposit;
  test_.Stop();
  const auto started =
      Server::Start(test_.fs(), test_.clock(), test_.data(), config);
  EXPECT_EQ(started.status().code(), absl::StatusCode::kUnavailable);
  test_.Start();
  EXPECT_TRUE(test_.server().startup_report().clean);
}

TEST_F(ServerTest, ScrubOfAnEmptyServerEnds) {
  const auto connection = test_.ConnectAsAdmin();
  bool done = false;
  const absl::Status status =
      AdminClient(*connection).Scrub({}, [&](const v1::ScrubReply& reply) {
        done = reply.done();
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(done);
}

TEST_F(ServerTest, RescueReadsEverythingAndWritesNothing) {
  const HostCredential host = test_.EnrolHost("web1");
  const SessionId session = RandomId<SessionId>();
  {
    const auto connection = test_.Connect(host);
    DepositCall stream(*connection);
    ASSERT_TRUE(stream.Open(session));
    ASSERT_TRUE(stream.DepositOne(host, session).has_committed());
    EXPECT_TRUE(stream.Finish().ok());
  }
  test_.Stop();
  TemporaryDirectory directory;
  const std::string socket = directory.Path("rescue.sock");
  const auto rescue =
      RescueServer::Start(test_.fs(), test_.clock(), test_.data(), socket);
  ASSERT_TRUE(rescue.ok()) << rescue.status();
  const auto connection =
      Connection::Open({.address = "unix:" + socket}, test_.clock());
  ASSERT_TRUE(connection.ok());
  const RetrieveClient reader(**connection);
  const auto snapshots = reader.ListSnapshots("main", "", "");
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  EXPECT_EQ(snapshots->size(), 1u);
  EXPECT_TRUE(
      absl::IsNotFound(reader.ListSnapshots("nothing", "", "").status()));
  DepositCall deposit(**connection);
  EXPECT_FALSE(deposit.Open(session));
  EXPECT_EQ(deposit.Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(
      absl::IsPermissionDenied(AdminClient(**connection).GetServer().status()));
}

}  // namespace
}  // namespace nightsafe
