#include "client/restore/catalog.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "client/restore/read_access.h"
#include "common/crypto/key_file.h"
#include "common/crypto/random.h"
#include "common/object/object.h"

namespace nightsafe {
namespace {

absl::Time At(int hour) {
  return absl::FromCivil(absl::CivilHour(2026, 11, 23, hour),
                         absl::UTCTimeZone());
}

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() : keyring_((InitCrypto(), Keyring::Create())) {
    read_key_ = keyring_.DeriveReadKey();
  }

  // A manifest of `host`/`set`, listed next; its id.
  SnapshotId Add(const std::string& set, uint64_t counter,
                 const std::optional<SnapshotId>& previous,
                 bool restarted = false, const std::string& host = "web1") {
    DepositKey key =
        MintDepositKey(keyring_.DeriveEnrolKey(), host, 1, host, 1);
    v1::format::ManifestClear clear;
    clear.set_set(set);
    clear.set_chain_counter(counter);
    clear.set_restarted(restarted);
    clear.set_method(v1::format::FILES);
    clear.set_consistency(v1::format::CRASH);
    clear.set_session(std::string(16, static_cast<char>(listed_.size() + 1)));
    if (previous) clear.set_previous_manifest(std::string(previous->text()));
    ObjectRef root;
    root.id = RandomId<ObjectId>();
    root.key = RandomId<MessageKey>();
    root.plain_length = 10;
    auto object = SealManifest(key, clear, {}, root);
    EXPECT_TRUE(object.ok()) << object.status();
    auto id = SnapshotId::FromValidBytes(ObjectIdOf(AsBytes(*object)).view());
    int hour = static_cast<int>(listed_.size());
    listed_.push_back({*object, listed_.size() + 1, At(hour), 1, 0});
    return id;
  }
  Catalog Make() { return Catalog::Create(listed_, &read_key_); }
  std::string WarningOf(const Catalog& catalog, const SnapshotId& id) {
    for (const Snapshot& snapshot : catalog.snapshots()) {
      if (!(snapshot.manifest.id == id)) continue;
      return snapshot.warnings.empty() ? "" : snapshot.warnings.front();
    }
    return "not listed";
  }
  // Short id of what `name` stands for, or its error.
  std::string Resolve(const Catalog& catalog, const std::string& name) {
    auto parsed = ParseSnapshotName(name, absl::UTCTimeZone());
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    auto snapshot = catalog.Resolve(*parsed);
    if (!snapshot.ok()) return std::string(snapshot.status().message());
    return ShortId((*snapshot)->manifest.id);
  }

  Keyring keyring_;
  ReadKey read_key_;
  std::vector<RemoteSnapshot> listed_;
};

TEST_F(CatalogTest, SoundChainsHaveNothingToSay) {
  SnapshotId a = Add("files", 1, {});
  SnapshotId other = Add("pg", 1, {});
  SnapshotId b = Add("files", 2, a);
  SnapshotId c = Add("files", 3, b);
  Catalog catalog = Make();
  ASSERT_EQ(catalog.snapshots().size(), 4u);
  for (const SnapshotId& id : {a, b, c, other}) {
    EXPECT_EQ(WarningOf(catalog, id), "");
  }
  EXPECT_TRUE(catalog.snapshots()[0].opened.has_value());
}

TEST_F(CatalogTest, SaysWhatTheServerDoesNotList) {
  SnapshotId a = Add("files", 1, {});
  SnapshotId b = Add("files", 2, a);
  SnapshotId c = Add("files", 3, b);
  listed_.erase(listed_.begin() + 1);
  Catalog catalog = Make();
  EXPECT_EQ(WarningOf(catalog, c),
            "gap: the server does not list the snapshot before it (number 2 of "
            "the chain)");
}

TEST_F(CatalogTest, SaysForksRestartsAndJumps) {
  SnapshotId a = Add("files", 1, {});
  SnapshotId b = Add("files", 2, a);
  SnapshotId fork = Add("files", 2, a);
  SnapshotId jump = Add("files", 9, b);
  SnapshotId restarted = Add("files", 1, {}, true);
  SnapshotId second = Add("files", 1, {});
  Catalog catalog = Make();
  EXPECT_EQ(WarningOf(catalog, b), "");
  EXPECT_EQ(WarningOf(catalog, fork).find("fork: another"), 0u);
  EXPECT_EQ(WarningOf(catalog, jump),
            "gap: number 9 of the chain follows number 2");
  EXPECT_EQ(WarningOf(catalog, restarted).find("chain restarted"), 0u);
  EXPECT_EQ(WarningOf(catalog, second).find("fork: a second chain"), 0u);
}

TEST_F(CatalogTest, OnlyAChainThatFollowsAnotherIsRestarted) {
  SnapshotId first = Add("files", 1, {}, true);
  SnapshotId second = Add("files", 2, first);
  SnapshotId anew = Add("files", 1, {}, true);
  SnapshotId next = Add("files", 2, anew);
  SnapshotId clone = Add("files", 3, second);
  Catalog catalog = Make();
  EXPECT_EQ(WarningOf(catalog, first), "");
  EXPECT_EQ(WarningOf(catalog, anew).find("chain restarted"), 0u);
  EXPECT_EQ(WarningOf(catalog, next), "");
  EXPECT_EQ(WarningOf(catalog, clone).find("fork: it follows"), 0u);
}

TEST_F(CatalogTest, ForgedSnapshotsAreShownAndNeverChosen) {
  SnapshotId good = Add("files", 1, {});
  Keyring foreign = Keyring::Create();
  std::swap(foreign, keyring_);
  SnapshotId forged = Add("files", 2, good);
  std::swap(foreign, keyring_);
  listed_.push_back({"no manifest at all", 99, At(5), 1, 0});
  Catalog catalog = Make();
  EXPECT_EQ(catalog.malformed(), 1u);
  EXPECT_EQ(WarningOf(catalog, forged).find("not genuine"), 0u);
  EXPECT_EQ(Resolve(catalog, "web1"), ShortId(good));
  EXPECT_EQ(Resolve(catalog, "web1@" + ShortId(forged)).find("web1/files@"),
            0u);
}

TEST_F(CatalogTest, ResolvesByTimeIdAndSet) {
  SnapshotId a = Add("files", 1, {});
  SnapshotId b = Add("files", 2, a);
  SnapshotId pg = Add("pg", 1, {});
  Add("files", 1, {}, false, "web2");
  Catalog catalog = Make();
  EXPECT_EQ(Resolve(catalog, "web1/files"), ShortId(b));
  EXPECT_EQ(Resolve(catalog, "web1/files@2026-11-23T00:30"), ShortId(a));
  EXPECT_EQ(Resolve(catalog, "web1/files@2026-11-23T01:00"), ShortId(b));
  EXPECT_EQ(Resolve(catalog, "web1/files@2026-11-23"), ShortId(b));
  EXPECT_EQ(Resolve(catalog, "web1@" + ShortId(pg)), ShortId(pg));
  EXPECT_NE(Resolve(catalog, "web1").find("web1/files, web1/pg"),
            std::string::npos);
  EXPECT_NE(Resolve(catalog, "web1/none").find("sets: files, pg"),
            std::string::npos);
  EXPECT_NE(Resolve(catalog, "web3").find("hosts: web1, web2"),
            std::string::npos);
  EXPECT_NE(Resolve(catalog, "web1/files@2026-11-22").find("the first is"),
            std::string::npos);
  EXPECT_NE(Resolve(catalog, "web1@000000000000").find("no snapshot"),
            std::string::npos);
}

TEST_F(CatalogTest, AnAmbiguousIdListsAll) {
  SnapshotId a = Add("files", 1, {});
  // The same manifest listed twice stands in for two that begin alike.
  listed_.push_back(listed_.front());
  Catalog catalog = Make();
  std::string error = Resolve(catalog, "web1@" + a.Hex().substr(0, 6));
  EXPECT_EQ(error.find("2 snapshots"), 0u) << error;
}

TEST_F(CatalogTest, WithoutAKeyNothingIsGenuine) {
  Add("files", 1, {});
  Catalog catalog = Catalog::Create(listed_, nullptr);
  EXPECT_EQ(catalog.snapshots()[0].genuine.code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(catalog.snapshots()[0].opened.has_value());
}

TEST(ReadAccess, RecoveryKeyOpensOnlyTheExpectedVault) {
  InitCrypto();
  PassphraseCost cheap{1 << 20, 1};
  Keyring keyring = Keyring::Create();
  BoxKey recovery = BoxKey::Generate();
  std::string sealed = *SealKeyring(keyring, {recovery.public_key()});
  std::string file = *EncodeRecoveryKeyFile(recovery, "test", "secret", cheap);
  auto source = [&] { return absl::StatusOr<std::string>(sealed); };

  auto key = OpenReadAccess(file, "secret", keyring.vault_id(), source);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->vault_id, keyring.vault_id());
  EXPECT_TRUE(OpenReadAccess(file, "secret", std::nullopt, source).ok());
  EXPECT_EQ(OpenReadAccess(file, "wrong", std::nullopt, source).status().code(),
            absl::StatusCode::kPermissionDenied);
  // A keyring that somebody else sealed to the same public key.
  Keyring planted = Keyring::Create();
  sealed = *SealKeyring(planted, {recovery.public_key()});
  EXPECT_EQ(OpenReadAccess(file, "secret", keyring.vault_id(), source)
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(ReadAccess, ReadKeyOfAnotherVaultIsRefused) {
  InitCrypto();
  PassphraseCost cheap{1 << 20, 1};
  Keyring keyring = Keyring::Create();
  std::string file =
      *EncodeReadKeyFile(keyring.DeriveReadKey(), "test", "secret", cheap);
  auto none = [] {
    return absl::StatusOr<std::string>(absl::InternalError("not needed"));
  };
  EXPECT_TRUE(OpenReadAccess(file, "secret", keyring.vault_id(), none).ok());
  EXPECT_EQ(OpenReadAccess(file, "secret", Keyring::Create().vault_id(), none)
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace nightsafe
