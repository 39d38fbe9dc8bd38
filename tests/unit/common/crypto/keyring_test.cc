#include "common/crypto/keyring.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace nightsafe {
namespace {

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

// Three editions.
Keyring GrownKeyring() {
  Keyring keyring = Keyring::Create();
  keyring.AddEdition();
  keyring.AddEdition();
  return keyring;
}

v1::format::Keyring MessageOf(const Keyring& keyring) {
  v1::format::Keyring message;
  EXPECT_TRUE(message.ParseFromString(keyring.Serialize()));
  return message;
}

absl::StatusCode ParseCode(const v1::format::Keyring& message,
                           const VaultId& vault) {
  return Keyring::Parse(AsBytes(message.SerializeAsString()), vault)
      .status()
      .code();
}

TEST(Keyring, IsTheSameAfterParsing) {
  Keyring keyring = GrownKeyring();
  const SigningKey admin = SigningKey::Generate();
  keyring.SetAdminSeed(admin.seed());
  absl::StatusOr<Keyring> parsed =
      Keyring::Parse(AsBytes(keyring.Serialize()), keyring.vault_id());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Serialize(), keyring.Serialize());
  EXPECT_EQ(parsed->verify_key(), keyring.verify_key());
  EXPECT_EQ(parsed->opening_public_key(), keyring.opening_public_key());
  ASSERT_TRUE(parsed->has_admin_seed());
  EXPECT_EQ(SigningKey::FromSeed(parsed->admin_seed()).verify_key(),
            admin.verify_key());
}

TEST(Keyring, HasNoAdminSeedUntilItIsSet) {
  const Keyring keyring = Keyring::Create();
  absl::StatusOr<Keyring> parsed =
      Keyring::Parse(AsBytes(keyring.Serialize()), keyring.vault_id());
  ASSERT_TRUE(parsed.ok());
  EXPECT_FALSE(parsed->has_admin_seed());
}

TEST(Keyring, KeepsItsIdAndOldKeysWhenItGrows) {
  Keyring keyring = Keyring::Create();
  const VaultId vault = keyring.vault_id();
  EXPECT_EQ(vault, VaultIdOf(keyring.verify_key()));
  const VerifyKey first = keyring.verify_key();
  const BoxPublicKey first_opening = keyring.opening_public_key();
  keyring.AddEdition();
  EXPECT_EQ(keyring.vault_id(), vault);
  EXPECT_NE(keyring.verify_key(), first);
  EXPECT_NE(keyring.opening_public_key(), first_opening);
  const ReadKey read = keyring.DeriveReadKey();
  ASSERT_EQ(read.verify_keys.size(), 2u);
  ASSERT_EQ(read.opening_keys.size(), 2u);
  EXPECT_EQ(read.verify_keys[0], first);
  EXPECT_EQ(read.verify_keys[1], keyring.verify_key());
  EXPECT_EQ(read.opening_keys[0].public_key(), first_opening);
}

TEST(Keyring, EnrolsWithTheCurrentEdition) {
  Keyring keyring = GrownKeyring();
  const EnrolKey enrol = keyring.DeriveEnrolKey();
  EXPECT_EQ(enrol.vault_id, keyring.vault_id());
  EXPECT_EQ(enrol.signing_key.verify_key(), keyring.verify_key());
  EXPECT_EQ(enrol.opening_public_key, keyring.opening_public_key());
}

TEST(Keyring, RefusesAnotherVault) {
  const Keyring keyring = Keyring::Create();
  const Keyring other = Keyring::Create();
  EXPECT_EQ(ParseCode(MessageOf(keyring), other.vault_id()), kDataLoss);
  // One that claims the id, but whose first key does not make it.
  v1::format::Keyring planted = MessageOf(other);
  planted.set_vault_id(std::string(keyring.vault_id().text()));
  EXPECT_EQ(ParseCode(planted, keyring.vault_id()), kDataLoss);
  // One that shows the vault's own verify key, without its seed.
  v1::format::KeyringEdition* first = planted.mutable_editions(0);
  first->set_verify_key(std::string(keyring.verify_key().text()));
  EXPECT_EQ(ParseCode(planted, keyring.vault_id()), kDataLoss);
}

TEST(Keyring, RefusesEditionsMissingSwappedOrRepeated) {
  const Keyring keyring = GrownKeyring();
  const v1::format::Keyring good = MessageOf(keyring);
  ASSERT_EQ(ParseCode(good, keyring.vault_id()), absl::StatusCode::kOk);
  v1::format::Keyring changed = good;
  changed.mutable_editions()->DeleteSubrange(1, 1);
  EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss);
  changed.mutable_editions(1)->set_number(2);
  EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss);
  changed = good;
  changed.mutable_editions()->SwapElements(1, 2);
  EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss);
  changed = good;
  *changed.add_editions() = good.editions(2);
  EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss);
  changed = good;
  changed.clear_editions();
  EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss);
}

TEST(Keyring, RefusesAnEditionOfAnotherKeyring) {
  const Keyring keyring = GrownKeyring();
  const Keyring other = GrownKeyring();
  v1::format::Keyring changed = MessageOf(keyring);
  *changed.mutable_editions(2) = MessageOf(other).editions(2);
  EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss);
}

// Each field of a later edition is covered by the signature or derived from
// one that is.
TEST(Keyring, RefusesAChangeOfAnyFieldOfAnEdition) {
  const Keyring keyring = GrownKeyring();
  const v1::format::Keyring good = MessageOf(keyring);
  const google::protobuf::Descriptor* type =
      v1::format::KeyringEdition::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type->field(i);
    v1::format::Keyring changed = good;
    v1::format::KeyringEdition* edition = changed.mutable_editions(1);
    const google::protobuf::Reflection* reflection = edition->GetReflection();
    if (field->type() == google::protobuf::FieldDescriptor::TYPE_BYTES) {
      std::string value = reflection->GetString(*edition, field);
      ASSERT_FALSE(value.empty()) << field->name();
      value[5] = static_cast<char>(value[5] ^ 1);
      reflection->SetString(edition, field, value);
    } else {
      reflection->SetUInt32(edition, field, 7);
    }
    EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss)
        << field->name();
    reflection->ClearField(edition, field);
    EXPECT_EQ(ParseCode(changed, keyring.vault_id()), kDataLoss)
        << field->name();
  }
}

// The secrets of a whole edition, public keys included, without a signature.
TEST(Keyring, RefusesAnEditionNobodySigned) {
  Keyring keyring = Keyring::Create();
  v1::format::Keyring message = MessageOf(keyring);
  *message.add_editions() = MessageOf(Keyring::Create()).editions(0);
  message.mutable_editions(1)->set_number(2);
  EXPECT_EQ(ParseCode(message, keyring.vault_id()), kDataLoss);
  message.mutable_editions(1)->set_signature(std::string(64, 's'));
  EXPECT_EQ(ParseCode(message, keyring.vault_id()), kDataLoss);
}

TEST(Keyring, RefusesMoreEditionsThanTheLimit) {
  const Keyring keyring = Keyring::Create();
  v1::format::Keyring message = MessageOf(keyring);
  while (message.editions_size() <= 256) {
    *message.add_editions() = message.editions(0);
  }
  const absl::Status status =
      Keyring::Parse(AsBytes(message.SerializeAsString()), keyring.vault_id())
          .status();
  EXPECT_EQ(status.code(), kDataLoss);
  EXPECT_NE(status.message().find("limit 256"), std::string::npos) << status;
}

TEST(ReadKey, FindsAnOpeningKeyByItsId) {
  const Keyring keyring = GrownKeyring();
  const ReadKey read = keyring.DeriveReadKey();
  const KeyId id = KeyIdOf(keyring.opening_public_key());
  absl::StatusOr<const BoxKey*> found = read.FindOpeningKey(id);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->public_key(), keyring.opening_public_key());
  const absl::Status missing = read.FindOpeningKey(KeyId{}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find(KeyId{}.Hex()), std::string::npos);
}

}  // namespace
}  // namespace nightsafe
