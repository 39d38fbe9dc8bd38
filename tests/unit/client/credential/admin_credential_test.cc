#include "client/credential/admin_credential.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

class AdminCredentialTest : public testing::Test {
 protected:
  void SetUp() override {
    InitCrypto();
    ca_.key_pem = *GeneratePrivateKeyPem();
    ca_.certificate_der =
        *MakeCaCertificateDer(ca_.key_pem, "CA", begin_, end_);
    credential_.name = "ops";
    credential_.server_address = "backup1:7482";
    credential_.server_id = RandomId<ServerId>();
    credential_.ca_certificate_pem = DerToPem(AsBytes(ca_.certificate_der));
    credential_.private_key_pem = *GeneratePrivateKeyPem();
    Certify({credential_.server_id, PeerRole::kAdmin, "", "ops"});
  }

  void Certify(const PeerIdentity& identity) {
    const std::string csr = *MakeCsrDer(credential_.private_key_pem);
    credential_.certificate_pem = DerToPem(AsBytes(
        *IssueClientCertificateDer(ca_, AsBytes(csr), identity, begin_, end_)));
  }
  absl::Status Decoded() const {
    return DecodeAdminCredential(EncodeAdminCredential(credential_)).status();
  }

  const absl::Time begin_ = absl::FromUnixSeconds(1'700'000'000);
  const absl::Time end_ = begin_ + absl::Hours(24);
  Issuer ca_;
  AdminCredential credential_;
};

TEST_F(AdminCredentialTest, ReadsBackTheSame) {
  for (bool finished : {true, false}) {
    if (!finished) credential_.certificate_pem.clear();
    const auto read = DecodeAdminCredential(EncodeAdminCredential(credential_));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->name, "ops");
    EXPECT_EQ(read->server_address, "backup1:7482");
    EXPECT_EQ(read->server_id, credential_.server_id);
    EXPECT_EQ(read->ca_certificate_pem, credential_.ca_certificate_pem);
    EXPECT_EQ(read->private_key_pem, credential_.private_key_pem);
    EXPECT_EQ(read->certificate_pem, credential_.certificate_pem);
  }
}

TEST_F(AdminCredentialTest, OfSomebodyElseSaysWhose) {
  Certify({credential_.server_id, PeerRole::kHost, "main", "web1"});
  const absl::Status host = Decoded();
  EXPECT_TRUE(absl::IsPermissionDenied(host)) << host;
  EXPECT_TRUE(absl::StrContains(host.message(), "host web1")) << host;
  Certify({credential_.server_id, PeerRole::kReader, "", "ann"});
  EXPECT_TRUE(absl::StrContains(Decoded().message(), "reader ann"));
  const absl::Status file =
      DecodeAdminCredential(
          R"({"format":"nightsafe-credential-1","role":"host","name":"web2"})")
          .status();
  EXPECT_TRUE(absl::IsPermissionDenied(file)) << file;
  EXPECT_TRUE(absl::StrContains(file.message(), "host web2")) << file;
}

TEST_F(AdminCredentialTest, PartsThatDoNotBelongTogetherAreDamage) {
  const AdminCredential sound = credential_;
  const auto damaged = [&] {
    const absl::Status status = Decoded();
    credential_ = sound;
    return absl::IsDataLoss(status);
  };
  Certify({credential_.server_id, PeerRole::kAdmin, "", "alice"});
  EXPECT_TRUE(damaged());
  Certify({RandomId<ServerId>(), PeerRole::kAdmin, "", "ops"});
  EXPECT_TRUE(damaged());
  credential_.private_key_pem = *GeneratePrivateKeyPem();
  EXPECT_TRUE(damaged());
  credential_.private_key_pem = "x";
  EXPECT_TRUE(damaged());
  credential_.certificate_pem = "x";
  EXPECT_TRUE(damaged());
  credential_.ca_certificate_pem.clear();
  EXPECT_TRUE(damaged());
  const std::string other = *GeneratePrivateKeyPem();
  credential_.ca_certificate_pem =
      DerToPem(AsBytes(*MakeCaCertificateDer(other, "CA", begin_, end_)));
  EXPECT_TRUE(damaged());
  credential_.name = "Ops";
  EXPECT_TRUE(damaged());
}

TEST_F(AdminCredentialTest, OtherTextsAreNone) {
  for (const char* text :
       {"", "{}", "[]", "NIGHTSAFE-ENROLMENT-1:abc", "{\"format\":7}",
        R"({"format":"nightsafe-admin-credential-2"})",
        R"({"format":"nightsafe-credential-1","role":"\u0007","name":"x"})"}) {
    const absl::Status status = DecodeAdminCredential(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "admin add")) << status;
  }
}

TEST_F(AdminCredentialTest, FilesAreSecretAndErrorsNameThem) {
  const auto fs = NewPosixFileSystem();
  const std::string path = testing::TempDir() + "/ops.credential";
  fs->Unlink(path).IgnoreError();
  ASSERT_TRUE(CreateAdminCredential(*fs, path, credential_).ok());
  EXPECT_TRUE(
      absl::IsAlreadyExists(CreateAdminCredential(*fs, path, credential_)));
  credential_.server_address = "elsewhere:1";
  ASSERT_TRUE(ReplaceAdminCredential(*fs, path, credential_).ok());
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const auto read = LoadAdminCredential(*fs, path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->server_address, "elsewhere:1");
  ASSERT_TRUE(WriteFileDurably(*fs, path, AsBytes("{}"), 0600).ok());
  EXPECT_TRUE(absl::StrContains(
      LoadAdminCredential(*fs, path).status().message(), path));
  EXPECT_TRUE(
      absl::IsNotFound(LoadAdminCredential(*fs, path + ".none").status()));
}

}  // namespace
}  // namespace nightsafe
