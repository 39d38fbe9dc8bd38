#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/crypto/aead.h"
#include "common/crypto/keyring.h"

namespace nightsafe {
namespace {

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kPermissionDenied = absl::StatusCode::kPermissionDenied;

struct Sealed {
  Keyring keyring = Keyring::Create();
  BoxKey recovery = BoxKey::Generate();
  std::string bytes = *SealKeyring(keyring, {recovery.public_key()});

  v1::format::SealedKeyring Message() const {
    v1::format::SealedKeyring message;
    EXPECT_TRUE(message.ParseFromString(bytes));
    return message;
  }
  absl::StatusCode OpenCode(const v1::format::SealedKeyring& message) const {
    return OpenKeyring(AsBytes(message.SerializeAsString()), recovery,
                       keyring.vault_id())
        .status()
        .code();
  }
};

TEST(SealedKeyring, OpensWithEachRecoveryKey) {
  const Keyring keyring = Keyring::Create();
  const BoxKey a = BoxKey::Generate(), b = BoxKey::Generate();
  const std::string sealed =
      *SealKeyring(keyring, {a.public_key(), b.public_key()});
  for (const BoxKey* key : {&a, &b}) {
    absl::StatusOr<Keyring> opened =
        OpenKeyring(AsBytes(sealed), *key, keyring.vault_id());
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->Serialize(), keyring.Serialize());
  }
  EXPECT_EQ(*SealedKeyringVault(AsBytes(sealed)), keyring.vault_id());
}

TEST(SealedKeyring, AnAddedKeyOpensItAndTheOthersStill) {
  const Sealed sealed;
  const BoxKey added = BoxKey::Generate();
  const auto more =
      AddKeyringRecipient(AsBytes(sealed.bytes), sealed.recovery,
                          sealed.keyring.vault_id(), added.public_key());
  ASSERT_TRUE(more.ok()) << more.status();
  for (const BoxKey* key : {&sealed.recovery, &added}) {
    const auto opened =
        OpenKeyring(AsBytes(*more), *key, sealed.keyring.vault_id());
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->Serialize(), sealed.keyring.Serialize());
  }
  EXPECT_EQ(*SealedKeyringRecipients(AsBytes(*more)),
            (std::vector<KeyId>{KeyIdOf(sealed.recovery.public_key()),
                                KeyIdOf(added.public_key())}));
  EXPECT_TRUE(absl::IsAlreadyExists(
      AddKeyringRecipient(AsBytes(*more), added, sealed.keyring.vault_id(),
                          sealed.recovery.public_key())
          .status()));
}

TEST(SealedKeyring, IsAddedToOnlyByWhoOpensItAndUpToALimit) {
  const Sealed sealed;
  const BoxKey other = BoxKey::Generate();
  EXPECT_EQ(AddKeyringRecipient(AsBytes(sealed.bytes), other,
                                sealed.keyring.vault_id(), other.public_key())
                .status()
                .code(),
            kPermissionDenied);
  // Planted by whoever knows the recovery public key.
  const std::string planted =
      *SealKeyring(Keyring::Create(), {sealed.recovery.public_key()});
  EXPECT_EQ(AddKeyringRecipient(AsBytes(planted), sealed.recovery,
                                sealed.keyring.vault_id(), other.public_key())
                .status()
                .code(),
            kDataLoss);
  std::string full = sealed.bytes;
  absl::Status status;
  int added = 0;
  for (; added < 100; ++added) {
    const auto more = AddKeyringRecipient(AsBytes(full), sealed.recovery,
                                          sealed.keyring.vault_id(),
                                          BoxKey::Generate().public_key());
    status = more.status();
    if (!status.ok()) break;
    full = *more;
  }
  EXPECT_EQ(added, 63);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(SealedKeyring, ARemovedKeyOpensOnlyOldCopies) {
  const Sealed sealed;
  const VaultId vault = sealed.keyring.vault_id();
  const BoxKey second = BoxKey::Generate();
  const std::string both = *AddKeyringRecipient(
      AsBytes(sealed.bytes), sealed.recovery, vault, second.public_key());
  const KeyId removed = KeyIdOf(sealed.recovery.public_key());
  const auto left =
      RemoveKeyringRecipient(AsBytes(both), second, vault, removed);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(OpenKeyring(AsBytes(*left), sealed.recovery, vault).status().code(),
            kPermissionDenied);
  EXPECT_TRUE(OpenKeyring(AsBytes(*left), second, vault).ok());
  EXPECT_TRUE(OpenKeyring(AsBytes(both), sealed.recovery, vault).ok());
  EXPECT_TRUE(absl::IsNotFound(
      RemoveKeyringRecipient(AsBytes(*left), second, vault, removed).status()));
}

TEST(SealedKeyring, NeitherTheLastKeyNorTheOneUsedIsRemoved) {
  const Sealed sealed;
  const VaultId vault = sealed.keyring.vault_id();
  const KeyId own = KeyIdOf(sealed.recovery.public_key());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      RemoveKeyringRecipient(AsBytes(sealed.bytes), sealed.recovery, vault, own)
          .status()));
  const std::string both =
      *AddKeyringRecipient(AsBytes(sealed.bytes), sealed.recovery, vault,
                           BoxKey::Generate().public_key());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      RemoveKeyringRecipient(AsBytes(both), sealed.recovery, vault, own)
          .status()));
}

TEST(SealedKeyring, ShowsNothingOfTheSecrets) {
  const Sealed sealed;
  const ReadKey read = sealed.keyring.DeriveReadKey();
  EXPECT_EQ(sealed.bytes.find(
                std::string(AsText(read.opening_keys[0].secret().view()))),
            std::string::npos);
}

TEST(SealedKeyring, DeniesAnotherRecoveryKey) {
  const Sealed sealed;
  EXPECT_EQ(OpenKeyring(AsBytes(sealed.bytes), BoxKey::Generate(),
                        sealed.keyring.vault_id())
                .status()
                .code(),
            kPermissionDenied);
}

// Whoever knows a recovery public key can seal any keyring to it.
TEST(SealedKeyring, RefusesAPlantedKeyringOfAnotherVault) {
  const Sealed sealed;
  const Keyring planted = Keyring::Create();
  const std::string bytes =
      *SealKeyring(planted, {sealed.recovery.public_key()});
  EXPECT_EQ(
      OpenKeyring(AsBytes(bytes), sealed.recovery, sealed.keyring.vault_id())
          .status()
          .code(),
      kDataLoss);
  v1::format::SealedKeyring message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  message.set_vault_id(std::string(sealed.keyring.vault_id().text()));
  EXPECT_EQ(sealed.OpenCode(message), kDataLoss);
}

TEST(SealedKeyring, RefusesAnotherSuiteOrNoRecipients) {
  const Sealed sealed;
  v1::format::SealedKeyring message = sealed.Message();
  EXPECT_EQ(sealed.OpenCode(message), absl::StatusCode::kOk);
  message.set_suite(2);
  EXPECT_EQ(sealed.OpenCode(message), kDataLoss);
  message.set_suite(1);
  message.clear_recipients();
  EXPECT_EQ(sealed.OpenCode(message), kDataLoss);
}

TEST(SealedKeyring, RefusesABodyOfAnotherSealing) {
  const Sealed sealed;
  v1::format::SealedKeyring message = sealed.Message();
  v1::format::SealedKeyring again;
  ASSERT_TRUE(again.ParseFromString(
      *SealKeyring(sealed.keyring, {sealed.recovery.public_key()})));
  message.set_body(again.body());
  EXPECT_EQ(sealed.OpenCode(message), kDataLoss);
}

// Sealed with the right keys but without the associated data or context that
// the format asks for.
TEST(SealedKeyring, BindsBodyAndRecipientToTheVault) {
  const Sealed sealed;
  std::string file_key(32, 'k');
  const KeyView key_view = AsBytes(file_key).first<32>();
  const auto with = [&](absl::string_view context, ByteView box_aad,
                        absl::string_view body_aad) {
    v1::format::SealedKeyring message = sealed.Message();
    const std::string box = *SealTo(sealed.recovery.public_key(), context,
                                    box_aad, AsBytes(file_key));
    auto* recipient = message.mutable_recipients(0);
    recipient->set_ephemeral_public_key(box.substr(0, 32));
    recipient->set_sealed_file_key(box.substr(32));
    message.clear_body();
    SealOnce(key_view, AsBytes(body_aad), AsBytes(sealed.keyring.Serialize()),
             *message.mutable_body());
    return sealed.OpenCode(message);
  };
  const VaultId vault = sealed.keyring.vault_id();
  const std::string vault_text(vault.text());
  const auto aad = [](absl::string_view context, char suite,
                      const std::string& id) {
    return std::string("\x14\0\0\0", 4) + std::string(context) + suite +
           std::string("\0\0\0\x20\0\0\0", 7) + id;
  };
  constexpr absl::string_view kBody = "nightsafe keyring v1";
  constexpr absl::string_view kRecipient = "nightsafe keyring recipient v1";
  const std::string good = aad(kBody, 1, vault_text);
  EXPECT_EQ(with(kRecipient, vault.view(), good), absl::StatusCode::kOk);
  EXPECT_EQ(with("other", vault.view(), good), kDataLoss);
  EXPECT_EQ(with(kRecipient, {}, good), kDataLoss);
  EXPECT_EQ(with(kRecipient, vault.view(), ""), kDataLoss);
  EXPECT_EQ(with(kRecipient, vault.view(), aad(kBody, 2, vault_text)),
            kDataLoss);
  EXPECT_EQ(with(kRecipient, vault.view(), aad(kBody, 1, std::string(32, 'v'))),
            kDataLoss);
  EXPECT_EQ(with(kRecipient, vault.view(),
                 aad("nightsafe keyring v2", 1, vault_text)),
            kDataLoss);
}

TEST(SealedKeyring, RefusesEveryFlippedBitAndTruncation) {
  const Sealed sealed;
  const auto refused = [&](const std::string& bytes) {
    const absl::StatusCode code =
        OpenKeyring(AsBytes(bytes), sealed.recovery, sealed.keyring.vault_id())
            .status()
            .code();
    // A flip in the recovery key's id makes it another key's.
    return code == kDataLoss || code == kPermissionDenied;
  };
  for (size_t bit = 0; bit < 8 * sealed.bytes.size(); ++bit) {
    std::string changed = sealed.bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(refused(changed)) << bit;
  }
  for (size_t size = 0; size < sealed.bytes.size(); ++size) {
    EXPECT_TRUE(refused(sealed.bytes.substr(0, size))) << size;
  }
}

TEST(SealKeyring, RefusesNoneTooManyOrBadRecoveryKeys) {
  const Keyring keyring = Keyring::Create();
  const BoxPublicKey good = BoxKey::Generate().public_key();
  const auto code = [&](const std::vector<BoxPublicKey>& keys) {
    return SealKeyring(keyring, keys).status().code();
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code({}), invalid);
  EXPECT_EQ(code(std::vector<BoxPublicKey>(65, good)), invalid);
  EXPECT_EQ(code(std::vector<BoxPublicKey>(64, good)), absl::StatusCode::kOk);
  EXPECT_EQ(code({good, BoxPublicKey{}}), invalid);
}

}  // namespace
}  // namespace nightsafe
