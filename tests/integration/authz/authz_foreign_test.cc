// Inside the allowed cells: what belongs to another vault, host or set.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "client/rpc/admin_client.h"
#include "client/rpc/retrieve_client.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "common/snapshot/manifest.h"
#include "tests/integration/authz/authz_world.h"
#include "tests/integration/authz/methods.h"
#include "tests/integration/authz/raw_call.h"
#include "tests/support/deposit_call.h"

namespace nightsafe {
namespace {

using v1::format::ManifestClear;

ManifestClear ClearOf(const SessionId& session, const std::string& set) {
  ManifestClear clear;
  clear.set_set(set);
  clear.set_chain_counter(1);
  clear.set_method(v1::format::FILES);
  clear.set_consistency(v1::format::CRASH);
  clear.set_session(std::string(session.text()));
  return clear;
}

class AuthzForeignTest : public testing::Test {
 protected:
  // The committed snapshot.
  SnapshotId Deposit(const HostCredential& host, const SessionId& session) {
    const auto connection = world_.server().Connect(host);
    DepositCall call(*connection);
    EXPECT_TRUE(call.Open(session));
    const v1::DepositReply reply =
        call.DepositOne(host, session, host.deposit_key.certificate.host());
    EXPECT_TRUE(reply.has_committed()) << reply.ShortDebugString();
    EXPECT_TRUE(call.Finish().ok());
    return SnapshotId::FromBytes(AsBytes(reply.committed().snapshot())).value();
  }

  // The end of a stream of `caller` for set "files" that puts a whole tree of
  // its own and then commits `manifest`; `reply` has the answer, if any.
  grpc::Status Commit(const HostCredential& caller, const SessionId& session,
                      const std::string& manifest, v1::DepositReply& reply) {
    const auto connection = world_.server().Connect(caller);
    DepositCall call(*connection);
    EXPECT_TRUE(call.Open(session));
    const OneTree tree = SealOneTree(caller, "mine");
    v1::DepositRequest put;
    put.mutable_put()->set_number(1);
    put.mutable_put()->add_objects(tree.data.bytes);
    put.mutable_put()->add_objects(tree.root.bytes);
    EXPECT_TRUE(call.Write(put) && call.Read(reply) && reply.has_stored());
    const std::string before = world_.Digest();
    reply.Clear();
    v1::DepositRequest commit;
    commit.mutable_commit()->set_manifest(manifest);
    if (call.Write(commit)) call.Read(reply);
    const grpc::Status status = call.Finish();
    EXPECT_TRUE(reply.has_committed() || world_.Digest() == before);
    return status;
  }

  // Counts.
  void ExpectRefused(const char* what, const HostCredential& caller,
                     const SessionId& session, const std::string& manifest,
                     grpc::StatusCode code) {
    v1::DepositReply reply;
    const grpc::Status status = Commit(caller, session, manifest, reply);
    const bool right = status.error_code() == code && !reply.has_committed();
    EXPECT_TRUE(right) << what << ": " << status.error_code() << " "
                       << status.error_message() << reply.ShortDebugString();
    ++cells_;
    ok_ += right;
  }

  // `key` sealing what `caller` puts in Commit.
  static std::string Manifest(const HostCredential& caller,
                              const DepositKey& key, const SessionId& session,
                              const std::string& set = "files") {
    return SealManifest(key, ClearOf(session, set), {},
                        SealOneTree(caller, "mine").root.ref)
        .value();
  }

  size_t SnapshotsIn(const std::string& vault) {
    return (*world_.server().server().data().FindVault(vault))
        ->Snapshots({})
        .size();
  }

  AuthzWorld world_;
  const HostCredential& web1_ = world_.web1();
  const HostCredential& db1_ = world_.db1();
  int cells_ = 0;
  int ok_ = 0;
};

TEST_F(AuthzForeignTest, AHostCommitsOnlyItself) {
  const SessionId id = RandomId<SessionId>();
  const EnrolKey main = world_.server().main_keyring().DeriveEnrolKey();
  const EnrolKey other = world_.other_keyring().DeriveEnrolKey();
  const EnrolKey own = Keyring::Create().DeriveEnrolKey();
  const auto refuse = [&](const char* what, const DepositKey& key,
                          grpc::StatusCode code =
                              grpc::StatusCode::PERMISSION_DENIED) {
    ExpectRefused(what, web1_, id, Manifest(web1_, key, id), code);
  };
  refuse("another host", db1_.deposit_key);
  refuse("host of another vault", world_.mail1().deposit_key);
  refuse("own name in another vault",
         MintDepositKey(other, "web1", 1, "web1", 1));
  refuse("own name in a vault of its own",
         MintDepositKey(own, "web1", 1, "web1", 1));
  refuse("host that nobody registered",
         MintDepositKey(main, "new1", 1, "new1", 1));
  refuse("another host's domain", MintDepositKey(main, "web1", 1, "db1", 1));
  refuse("another host epoch", MintDepositKey(main, "web1", 2, "web1", 1));
  refuse("another domain epoch", MintDepositKey(main, "web1", 1, "web1", 2));
  DepositKey forged = MintDepositKey(main, "web1", 1, "web1", 1);
  forged.signing_key = SigningKey::Generate();
  refuse("signed by a key that is not certified", forged);
  ExpectRefused("another set", web1_, id,
                Manifest(web1_, web1_.deposit_key, id, "etc"),
                grpc::StatusCode::PERMISSION_DENIED);
  // Its own, but not what it opened: a broken agent, not an intruder.
  ExpectRefused("another session", web1_, id,
                Manifest(web1_, web1_.deposit_key, RandomId<SessionId>()),
                grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SnapshotsIn("main"), 0u);
  v1::DepositReply reply;
  EXPECT_TRUE(
      Commit(web1_, id, Manifest(web1_, web1_.deposit_key, id), reply).ok());
  EXPECT_TRUE(reply.has_committed()) << reply.ShortDebugString();
  std::printf("foreign manifests: cells=%d ok=%d\n", cells_, ok_);
  EXPECT_EQ(cells_, ok_);
}

TEST_F(AuthzForeignTest, ACommittedManifestCannotBeReplayedByAnother) {
  const SessionId session = RandomId<SessionId>();
  Deposit(db1_, session);
  const auto reading = world_.server().Connect(world_.alice());
  const auto listed = RetrieveClient(*reading).ListSnapshots("main", "", "");
  ASSERT_TRUE(listed.ok() && listed->size() == 1u) << listed.status();
  const std::string& manifest = (*listed)[0].manifest;
  ExpectRefused("in its session", web1_, session, manifest,
                grpc::StatusCode::PERMISSION_DENIED);
  ExpectRefused("in another vault", world_.mail1(), session, manifest,
                grpc::StatusCode::PERMISSION_DENIED);
  ExpectRefused("in a later session", db1_, RandomId<SessionId>(), manifest,
                grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SnapshotsIn("main"), 1u);
  EXPECT_EQ(SnapshotsIn("other"), 0u);
}

TEST_F(AuthzForeignTest, AnotherHostsObjectsAreNotThere) {
  Deposit(db1_, RandomId<SessionId>());
  const OneTree theirs = SealOneTree(db1_, "db1");
  const SessionId session = RandomId<SessionId>();
  const auto connection = world_.server().Connect(web1_);
  DepositCall call(*connection);
  ASSERT_TRUE(call.Open(session));
  v1::DepositRequest offer;
  offer.mutable_offer()->set_number(1);
  offer.mutable_offer()->set_ids(std::string(theirs.data.ref.id.text()) +
                                 std::string(theirs.root.ref.id.text()));
  v1::DepositReply reply;
  ASSERT_TRUE(call.Write(offer) && call.Read(reply));
  EXPECT_EQ(reply.wanted().bitmap(), "\x03");
  v1::DepositRequest commit;
  commit.mutable_commit()->set_manifest(*SealManifest(
      web1_.deposit_key, ClearOf(session, "files"), {}, theirs.root.ref));
  ASSERT_TRUE(call.Write(commit) && call.Read(reply));
  EXPECT_EQ(reply.incomplete().missing(),
            std::string(theirs.root.ref.id.text()));
  EXPECT_TRUE(call.Finish().ok());
  EXPECT_EQ(SnapshotsIn("main"), 1u);
}

TEST_F(AuthzForeignTest, AnotherHostsSessionIsNotTakenOver) {
  const SessionId session = RandomId<SessionId>();
  const auto victims = world_.server().Connect(db1_);
  DepositCall victim(*victims);
  ASSERT_TRUE(victim.Open(session));
  for (const HostCredential* thief : {&web1_, &world_.mail1()}) {
    const auto connection = world_.server().Connect(*thief);
    DepositCall call(*connection);
    EXPECT_TRUE(call.Open(session));  // it has that number in its own
    EXPECT_TRUE(call.DepositOne(*thief, session).has_committed());
    EXPECT_TRUE(call.Finish().ok());
  }
  EXPECT_TRUE(victim.DepositOne(db1_, session).has_committed());
  EXPECT_TRUE(victim.Finish().ok());
}

// Every method of readers that names a vault.
TEST_F(AuthzForeignTest, AReaderReadsOnlyItsVaults) {
  Deposit(web1_, RandomId<SessionId>());
  const ServerId id = world_.server().server_id();
  const auto channel =
      Dial(world_.server().server().addresses().deposit,
           {Transport::kTls, world_.alice()}, id, world_.server().ca_pem());
  std::string text;
  for (const Method& method : AllMethods()) {
    if (method.roles.count(v1::READER) == 0) continue;
    if (method.descriptor->input_type()->FindFieldByName("vault") == nullptr) {
      continue;
    }
    FieldValues values;
    values.texts["ids"] = std::string(RandomId<ObjectId>().text());
    values.texts["vault"] = "main";
    EXPECT_TRUE(
        RawCall(channel, method.path, MakeRequest(method, values)).ok());
    for (const std::string& vault :
         {std::string("other"), std::string("nothing"), std::string(),
          std::string("Main"), std::string("main/"), std::string("main "),
          std::string("main\0", 5), std::string("../other"), std::string("*"),
          std::string(1 << 16, 'x')}) {
      values.texts["vault"] = vault;
      const std::string before = world_.Digest();
      const grpc::Status status =
          RawCall(channel, method.path, MakeRequest(method, values));
      if (text.empty()) text = status.error_message();
      const bool right =
          status.error_code() == grpc::StatusCode::PERMISSION_DENIED &&
          status.error_message() == text && status.error_details().empty() &&
          world_.Digest() == before;
      EXPECT_TRUE(right) << method.path << " of '" << vault.substr(0, 20)
                         << "': " << status.error_code() << " "
                         << status.error_message();
      ++cells_;
      ok_ += right;
    }
  }
  std::printf("foreign vaults: cells=%d ok=%d\n", cells_, ok_);
  EXPECT_GT(cells_, 0);
  EXPECT_EQ(cells_, ok_);
}

TEST_F(AuthzForeignTest, AnotherVaultsDomainsAndHostsAreUnknown) {
  Deposit(world_.mail1(), RandomId<SessionId>());
  Deposit(web1_, RandomId<SessionId>());
  const OneTree theirs = SealOneTree(world_.mail1(), "mail1");
  const auto connection = world_.server().Connect(world_.alice());
  const RetrieveClient reader(*connection);
  for (uint32_t domain = 0; domain < 8; ++domain) {
    size_t absent = 0;
    const absl::Status status = reader.FetchObjects(
        "main", domain, {theirs.data.ref.id, theirs.root.ref.id},
        [&](const RemoteObject& object) {
          absent += absl::IsNotFound(object.status) && object.bytes.empty();
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(absent, 2u) << domain;
  }
  const auto vaults = reader.ListVaults();
  ASSERT_TRUE(vaults.ok() && vaults->size() == 1u) << vaults.status();
  EXPECT_EQ((*vaults)[0].name, "main");
  const auto snapshots = reader.ListSnapshots("main", "mail1", "");
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  EXPECT_TRUE(snapshots->empty());
}

TEST_F(AuthzForeignTest, OnlyTheAdminKeysOrdersForThisServerAreObeyed) {
  const auto connection = world_.server().ConnectAsAdmin();
  const AdminClient admin(*connection);
  v1::format::Order order;
  order.set_server_id(std::string(world_.server().server_id().text()));
  order.set_vault("main");
  order.set_nonce(std::string(RandomId<SessionId>().text()));
  order.mutable_revoke_host()->set_host("web1");
  const SigningKey& key = world_.server().admin_key();
  const std::string before = world_.Digest();
  EXPECT_TRUE(absl::IsPermissionDenied(
      admin.SubmitOrder(SignOrder(SigningKey::Generate(), order))));
  v1::format::Order elsewhere = order;
  elsewhere.set_server_id(std::string(RandomId<ServerId>().text()));
  EXPECT_TRUE(
      absl::IsPermissionDenied(admin.SubmitOrder(SignOrder(key, elsewhere))));
  v1::format::SignedOrder changed = SignOrder(key, order);
  order.mutable_revoke_host()->set_host("db1");
  changed.set_order(order.SerializeAsString());
  EXPECT_TRUE(absl::IsPermissionDenied(admin.SubmitOrder(changed)));
  order.set_vault("other");  // has no db1
  EXPECT_TRUE(absl::IsNotFound(admin.SubmitOrder(SignOrder(key, order))));
  EXPECT_EQ(world_.Digest(), before);
}

}  // namespace
}  // namespace nightsafe
