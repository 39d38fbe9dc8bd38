// One deposit key is stolen, and the server cooperates with the thief: what a
// reader takes for genuine then, and what the thief can open.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "client/restore/catalog.h"
#include "client/rpc/retrieve_client.h"
#include "common/crypto/random.h"
#include "common/snapshot/manifest.h"
#include "tests/support/deposit_call.h"

namespace nightsafe {
namespace {

using v1::format::HostCertificate;

constexpr size_t kHosts = 8;

DepositKey CopyOf(const DepositKey& key) { return *FromProto(ToProto(key)); }

class StolenKeyTest : public testing::Test {
 protected:
  StolenKeyTest() : read_key_(server_.main_keyring().DeriveReadKey()) {
    for (size_t i = 0; i < kHosts; ++i) {
      hosts_.push_back(server_.EnrolHost("host" + std::to_string(i)));
      const auto connection = server_.Connect(hosts_.back());
      const SessionId session = RandomId<SessionId>();
      DepositCall call(*connection);
      EXPECT_TRUE(call.Open(session));
      EXPECT_TRUE(call.DepositOne(hosts_.back(), session).has_committed());
      EXPECT_TRUE(call.Finish().ok());
    }
    const auto connection = server_.Connect(server_.EnrolReader("ops"));
    listed_ = *RetrieveClient(*connection).ListSnapshots("main", "", "");
    EXPECT_EQ(listed_.size(), kHosts);
  }

  const DepositKey& stolen() const { return hosts_[0].deposit_key; }

  static std::string Forge(const DepositKey& key, uint64_t counter = 2) {
    v1::format::ManifestClear clear;
    clear.set_set("files");
    clear.set_chain_counter(counter);
    if (counter > 1) {
      clear.set_previous_manifest(std::string(RandomId<SnapshotId>().text()));
    }
    clear.set_method(v1::format::FILES);
    clear.set_consistency(v1::format::CRASH);
    clear.set_session(std::string(RandomId<SessionId>().text()));
    const ObjectRef root{.id = RandomId<ObjectId>(),
                         .key = RandomId<MessageKey>(),
                         .plain_length = 10};
    return SealManifest(key, clear, {}, root).value();
  }

  // The hosts of which a reader takes one of `forged` for genuine, when the
  // server lists them among the true ones, as old as it likes.
  std::vector<std::string> Deceived(const std::vector<std::string>& forged) {
    std::vector<RemoteSnapshot> listed = listed_;
    for (const std::string& manifest : forged) {
      RemoteSnapshot snapshot = listed_[0];
      snapshot.manifest = manifest;
      snapshot.sequence = listed.size() + 1;
      snapshot.received = listed_[0].received - absl::Hours(24 * 100);
      listed.push_back(snapshot);
    }
    std::vector<std::string> deceived;
    const Catalog catalog = Catalog::Create(listed, &read_key_);
    size_t genuine = 0;
    for (const Snapshot& snapshot : catalog.snapshots()) {
      if (!snapshot.genuine.ok()) continue;
      const bool is_true = std::any_of(
          listed_.begin(), listed_.end(), [&](const RemoteSnapshot& one) {
            return one.manifest == snapshot.manifest.object;
          });
      genuine += is_true;
      if (!is_true) deceived.push_back(snapshot.manifest.clear.host());
    }
    EXPECT_EQ(genuine, kHosts);
    return deceived;
  }

  TestServer server_;
  const ReadKey read_key_;
  std::vector<HostCredential> hosts_;
  std::vector<RemoteSnapshot> listed_;
};

// Not claimed otherwise: back-dated ones, too.
TEST_F(StolenKeyTest, ForgesItsOwnHost) {
  EXPECT_EQ(Deceived({Forge(stolen()), Forge(stolen(), 7)}),
            std::vector<std::string>(2, "host0"));
}

TEST_F(StolenKeyTest, ForgesNoOtherHost) {
  std::vector<std::string> forged;
  const Keyring own = Keyring::Create();
  for (size_t i = 1; i < kHosts; ++i) {
    const std::string name = "host" + std::to_string(i);
    // Its own certificate in the other's name.
    DepositKey key = CopyOf(stolen());
    key.certificate.set_host(name);
    forged.push_back(Forge(key));
    // The other's certificate, which every manifest shows, and its own key.
    key = CopyOf(stolen());
    key.certificate = hosts_[i].deposit_key.certificate;
    forged.push_back(Forge(key));
    // That certificate with its own key in it.
    key.certificate.set_host_verify_key(
        std::string(stolen().signing_key.verify_key().text()));
    forged.push_back(Forge(key));
    // A vault of its own, with this one's id and opening key.
    key = MintDepositKey(own.DeriveEnrolKey(), name, 1, name, 1);
    forged.push_back(Forge(key));
    key.opening_public_key = stolen().opening_public_key;
    key.certificate.set_vault_id(stolen().certificate.vault_id());
    key.certificate.set_issuer_key_id(stolen().certificate.issuer_key_id());
    key.certificate.set_opening_key_id(stolen().certificate.opening_key_id());
    forged.push_back(Forge(key));
  }
  EXPECT_EQ(Deceived(forged), std::vector<std::string>());
}

TEST_F(StolenKeyTest, ItsCertificateCannotBeChanged) {
  const std::vector<std::function<void(HostCertificate&)>> changes = {
      [](auto& c) { c.set_host("host1"); },
      [](auto& c) { c.set_host_epoch(2); },
      [](auto& c) { c.set_domain("host1"); },
      [](auto& c) { c.set_domain_epoch(2); },
      [](auto& c) { c.set_vault_id(std::string(32, 'x')); },
      [](auto& c) { c.mutable_signature()->back() ^= 1; },
      [](auto& c) {
        const SigningKey other = SigningKey::Generate();
        c.set_host_verify_key(std::string(other.verify_key().text()));
      },
  };
  for (const auto& change : changes) {
    DepositKey key = CopyOf(stolen());
    change(key.certificate);
    EXPECT_TRUE(Deceived({Forge(key)}).empty());
  }
}

TEST_F(StolenKeyTest, NobodysManifestCanBeChanged) {
  std::mt19937_64 random(1);
  std::vector<std::string> forged;
  for (int i = 0; i < 400; ++i) {
    std::string manifest = listed_[random() % kHosts].manifest;
    const size_t at = random() % manifest.size();
    manifest[at] = static_cast<char>(manifest[at] ^ (1 << (random() % 8)));
    forged.push_back(manifest);
  }
  EXPECT_EQ(Deceived(forged), std::vector<std::string>());
}

// Not even what its own host sealed with it.
TEST_F(StolenKeyTest, OpensNothing) {
  const Secret32 secrets[] = {stolen().domain_secret.Clone(),
                              stolen().signing_key.seed().Clone()};
  for (const Secret32& secret : secrets) {
    for (const RemoteSnapshot& snapshot : listed_) {
      const Manifest manifest =
          ParseManifest(AsBytes(snapshot.manifest)).value();
      ReadKey key{.vault_id = read_key_.vault_id,
                  .verify_keys = read_key_.verify_keys};
      key.opening_keys.push_back(BoxKey::FromSecret(secret));
      EXPECT_FALSE(OpenManifest(manifest, key).ok());
    }
  }
}

// It confirms guesses about its own domain, and about no other.
TEST_F(StolenKeyTest, ConfirmsGuessesOfItsDomainAlone) {
  const OneTree guess = SealOneTree(hosts_[0], "hello");
  for (size_t i = 0; i < kHosts; ++i) {
    const OneTree stored = SealOneTree(hosts_[i], "hello");
    EXPECT_EQ(guess.data.ref.id == stored.data.ref.id, i == 0);
    if (i == 0) continue;
    Opener opener;
    ObjectRef tried = guess.data.ref;
    tried.id = stored.data.ref.id;
    EXPECT_FALSE(opener.Open(AsBytes(stored.data.bytes), tried).ok());
  }
}

}  // namespace
}  // namespace nightsafe
