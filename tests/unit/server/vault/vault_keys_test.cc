#include "server/vault/vault_keys.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/unit/server/vault/retention_journal.h"

namespace nightsafe {
namespace {

using v1::format::Order;

class VaultKeysTest : public testing::Test {
 protected:
  const VaultKeys& keys() const { return journal_.retention().keys(); }
  const std::string& stored() const { return keys().sealed_keyring(); }
  // The stored keyring, sealed to `key` too.
  std::string With(const BoxKey& key) const {
    return AddKeyringRecipient(AsBytes(stored()), journal_.recovery_key(),
                               journal_.vault().registration().id,
                               key.public_key())
        .value();
  }
  bool Opens(const BoxKey& key) const {
    return OpenKeyring(AsBytes(stored()), key,
                       journal_.vault().registration().id)
        .ok();
  }

  RetentionJournal journal_;
  const BoxKey second_ = BoxKey::Generate();
};

TEST_F(VaultKeysTest, ASignedOrderStoresTheKeyringForEveryReplay) {
  const std::string sealed = With(second_);
  ASSERT_TRUE(journal_.Give(journal_.StoreKeyring(sealed), sealed).ok());
  EXPECT_EQ(stored(), sealed);
  EXPECT_TRUE(Opens(second_));
  EXPECT_TRUE(Opens(journal_.recovery_key()));
  EXPECT_EQ(keys().RecoveryKeys().size(), 2u);
  VaultState again;
  for (const auto& record : journal_.records()) {
    ASSERT_TRUE(again.Apply(record).ok());
  }
  EXPECT_EQ(again.sealed_keyring(), sealed);
  EXPECT_EQ(again.retention().forged_records(), 0u);
}

TEST_F(VaultKeysTest, WhatNoAdminSignedIsNotStored) {
  const std::string before = stored();
  const std::string sealed = With(second_);
  const Order order = journal_.StoreKeyring(sealed);
  EXPECT_FALSE(
      journal_.Give(SignOrder(SigningKey::Generate(), order), sealed).ok());
  Order elsewhere = order;
  elsewhere.set_vault("work");
  EXPECT_FALSE(journal_.Give(elsewhere, sealed).ok());
  elsewhere = order;
  elsewhere.set_server_id(std::string(24, 's'));
  EXPECT_FALSE(journal_.Give(elsewhere, sealed).ok());
  RetentionJournal::VaultRecord unsigned_record;
  unsigned_record.mutable_keyring()->set_sealed_keyring(sealed);
  EXPECT_FALSE(journal_.AppendJudged(unsigned_record).ok());
  EXPECT_EQ(stored(), before);
  EXPECT_EQ(journal_.retention().forged_records(), 4u);
}

TEST_F(VaultKeysTest, OnlyTheKeyringThatTheOrderNamesIsStored) {
  const std::string before = stored();
  const std::string sealed = With(second_);
  const Order order = journal_.StoreKeyring(sealed);
  EXPECT_FALSE(journal_.Give(order).ok());
  EXPECT_FALSE(journal_.Give(order, With(BoxKey::Generate())).ok());
  EXPECT_EQ(stored(), before);
}

TEST_F(VaultKeysTest, AKeyringOfAnotherVaultOrNoneIsRefused) {
  const std::string before = stored();
  const std::string other =
      SealKeyring(Keyring::Create(), {second_.public_key()}).value();
  const absl::Status status =
      journal_.Give(journal_.StoreKeyring(other), other);
  EXPECT_TRUE(absl::StrContains(status.message(), "is of vault")) << status;
  EXPECT_FALSE(journal_.Give(journal_.StoreKeyring("junk"), "junk").ok());
  v1::format::SealedKeyring nobody;
  ASSERT_TRUE(nobody.ParseFromString(before));
  nobody.clear_recipients();
  const std::string bytes = nobody.SerializeAsString();
  EXPECT_FALSE(journal_.Give(journal_.StoreKeyring(bytes), bytes).ok());
  EXPECT_EQ(stored(), before);
}

TEST_F(VaultKeysTest, TwoAdminsDoNotUndoEachOthersChange) {
  const std::string one = With(second_);
  const std::string other = With(BoxKey::Generate());
  const Order later = journal_.StoreKeyring(other);
  const auto first = SignOrder(journal_.admin(), journal_.StoreKeyring(one));
  ASSERT_TRUE(journal_.Give(first, one).ok());
  const absl::Status status = journal_.Give(later, other);
  EXPECT_TRUE(absl::StrContains(status.message(), "somebody else")) << status;
  EXPECT_EQ(stored(), one);
  EXPECT_FALSE(journal_.Give(first, one).ok());  // replayed
}

TEST_F(VaultKeysTest, AKeyIsProvenWhileTheKeyringIsSealedToIt) {
  const KeyId first = KeyIdOf(journal_.recovery_key().public_key());
  const KeyId second = KeyIdOf(second_.public_key());
  EXPECT_FALSE(keys().LastProven().has_value());
  EXPECT_FALSE(journal_.Give(journal_.Proven(second_.public_key())).ok());
  const std::string sealed = With(second_);
  ASSERT_TRUE(journal_.Give(journal_.StoreKeyring(sealed), sealed).ok());
  ASSERT_TRUE(
      journal_.Give(journal_.Proven(journal_.recovery_key().public_key()))
          .ok());
  const absl::Time earlier = journal_.now();
  journal_.Pass(absl::Hours(24));
  ASSERT_TRUE(journal_.Give(journal_.Proven(second_.public_key())).ok());
  EXPECT_EQ(keys().Proven(first), earlier);
  EXPECT_EQ(keys().Proven(second), journal_.now());
  EXPECT_EQ(keys().LastProven(), journal_.now());

  const std::string left =
      RemoveKeyringRecipient(AsBytes(stored()), journal_.recovery_key(),
                             journal_.vault().registration().id, second)
          .value();
  ASSERT_TRUE(journal_.Give(journal_.StoreKeyring(left), left).ok());
  EXPECT_FALSE(keys().Proven(second).has_value());
  EXPECT_EQ(keys().LastProven(), earlier);
  EXPECT_FALSE(Opens(second_));
}

}  // namespace
}  // namespace nightsafe
