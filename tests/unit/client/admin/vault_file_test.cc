#include "client/admin/vault_file.h"

#include <gtest/gtest.h>

#include "common/crypto/random.h"

namespace nightsafe {
namespace {

TEST(VaultFile, RoundTripsAndOpensWithTheRecoveryKey) {
  InitCrypto();
  const BoxKey recovery = BoxKey::Generate();
  const SigningKey admin = SigningKey::Generate();
  absl::StatusOr<NewVault> vault =
      CreateVault("main", {recovery.public_key()}, &admin);
  ASSERT_TRUE(vault.ok()) << vault.status();
  absl::StatusOr<VaultFile> decoded =
      DecodeVaultFile(EncodeVaultFile(vault->file));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->id, vault->file.id);
  absl::StatusOr<Keyring> keyring =
      OpenKeyring(AsBytes(decoded->sealed_keyring), recovery, decoded->id);
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  ASSERT_TRUE(keyring->has_admin_seed());
  EXPECT_EQ(SigningKey::FromSeed(keyring->admin_seed()).verify_key(),
            admin.verify_key());
}

TEST(VaultFile, RefusesTheKeyringOfAnotherVault) {
  InitCrypto();
  const BoxKey recovery = BoxKey::Generate();
  absl::StatusOr<NewVault> one =
      CreateVault("one", {recovery.public_key()}, nullptr);
  absl::StatusOr<NewVault> two =
      CreateVault("two", {recovery.public_key()}, nullptr);
  one->file.sealed_keyring = two->file.sealed_keyring;
  EXPECT_FALSE(DecodeVaultFile(EncodeVaultFile(one->file)).ok());
}

TEST(VaultFile, RefusesOtherText) {
  for (const char* text : {"", "{}", "[1]", "x", "{\"format\":1}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeVaultFile(text).status()))
        << text;
  }
}

}  // namespace
}  // namespace nightsafe
