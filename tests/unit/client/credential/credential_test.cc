#include "client/credential/credential.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

class CredentialTest : public testing::Test {
 protected:
  void SetUp() override {
    InitCrypto();
    std::string pattern = absl::StrCat(testing::TempDir(), "/cred.XXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    config_ = pattern;
  }

  Credential Example(CredentialRole role) {
    Credential credential;
    credential.role = role;
    credential.name = "web1";
    credential.vaults = {{.name = "main", .id = RandomId<VaultId>()}};
    credential.server_address = "backup1:7480";
    credential.enrol_address = "backup1:7481";
    credential.server_id = RandomId<ServerId>();
    credential.ca_certificate_pem = "ca";
    credential.private_key_pem = "key";
    credential.certificate_pem = "certificate";
    return credential;
  }

  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  std::string config_;
};

TEST_F(CredentialTest, DoesNotGuessARole) {
  const std::string dir =
      CredentialDirectory(config_, CredentialRole::kHost, "");
  ASSERT_TRUE(SaveCredential(*fs_, dir, Example(CredentialRole::kHost)).ok());
  const std::string path = dir + "/credential.json";
  std::string text = ReadWholeFile(*fs_, path, 1 << 20).value();
  text.replace(text.find("\"host\""), 6, "\"hosT\"");
  ASSERT_TRUE(WriteFileDurably(*fs_, path, AsBytes(text), 0600).ok());
  EXPECT_TRUE(absl::IsDataLoss(LoadCredential(*fs_, dir).status()));
}

TEST_F(CredentialTest, RoundTripsAndIsPrivate) {
  const std::string dir =
      CredentialDirectory(config_, CredentialRole::kHost, "");
  const Credential saved = Example(CredentialRole::kHost);
  ASSERT_TRUE(SaveCredential(*fs_, dir, saved).ok());
  absl::StatusOr<Credential> loaded = LoadCredential(*fs_, dir);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->name, saved.name);
  EXPECT_EQ(loaded->vaults[0].id, saved.vaults[0].id);
  EXPECT_EQ(loaded->server_id, saved.server_id);
  EXPECT_EQ(loaded->private_key_pem, "key");
  EXPECT_EQ(loaded->certificate_pem, "certificate");
  const std::vector<std::string> names = fs_->List(dir).value();
  EXPECT_EQ(names.size(), 3u);
  for (const std::string& name : names) {
    struct stat info;
    ASSERT_EQ(::stat(absl::StrCat(dir, "/", name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(CredentialTest, DepositKeyRoundTrips) {
  const Keyring keyring = Keyring::Create();
  const DepositKey key =
      MintDepositKey(keyring.DeriveEnrolKey(), "web1", 1, "web1", 1);
  ASSERT_TRUE(SaveDepositKey(*fs_, config_, key).ok());
  absl::StatusOr<DepositKey> loaded = LoadDepositKey(*fs_, config_, "web1");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->certificate.SerializeAsString(),
            key.certificate.SerializeAsString());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      LoadDepositKey(*fs_, config_, "web2").status()));
}

TEST_F(CredentialTest, DamageIsToldAndNamesTheFile) {
  const std::string dir =
      CredentialDirectory(config_, CredentialRole::kHost, "");
  EXPECT_TRUE(absl::IsNotFound(LoadCredential(*fs_, dir).status()));
  ASSERT_TRUE(SaveCredential(*fs_, dir, Example(CredentialRole::kHost)).ok());
  const std::string path = absl::StrCat(dir, "/credential.json");
  for (const char* text : {"", "{", "[]", "{\"format\":7}", "null"}) {
    ASSERT_TRUE(WriteFileDurably(*fs_, path, AsBytes(text), 0600).ok());
    const absl::Status status = LoadCredential(*fs_, dir).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << text;
    EXPECT_NE(status.message().find(path), absl::string_view::npos);
  }
}

TEST_F(CredentialTest, TheOnlyReaderNeedsNoName) {
  EXPECT_TRUE(absl::IsNotFound(LoadReader(*fs_, config_, "").status()));
  Credential reader = Example(CredentialRole::kReader);
  ASSERT_TRUE(SaveCredential(
                  *fs_,
                  CredentialDirectory(config_, CredentialRole::kReader, "ann"),
                  reader)
                  .ok());
  EXPECT_TRUE(LoadReader(*fs_, config_, "").ok());
  ASSERT_TRUE(SaveCredential(
                  *fs_,
                  CredentialDirectory(config_, CredentialRole::kReader, "bob"),
                  reader)
                  .ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(LoadReader(*fs_, config_, "").status()));
  EXPECT_TRUE(LoadReader(*fs_, config_, "bob").ok());
  EXPECT_FALSE(LoadReader(*fs_, config_, "../host").ok());
}

}  // namespace
}  // namespace nightsafe
