#include "server/authz/authority.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::FromUnixSeconds(1800000000);
};

class AuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "/authority-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    dir_ = path + "/pki";
    ASSERT_TRUE(Authority::Create(*fs_, dir_, ServerId{}, clock_).ok());
  }
  std::unique_ptr<Authority> Open() {
    auto authority = Authority::Open(*fs_, dir_, ServerId{}, clock_);
    EXPECT_TRUE(authority.ok()) << authority.status();
    return std::move(authority).value();
  }
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  FakeClock clock_;
  std::string dir_;
};

TEST_F(AuthorityTest, KeysAreForTheOwnerOnly) {
  for (const char* name : {"/ca.key", "/server.key"}) {
    struct stat info {};
    ASSERT_EQ(stat((dir_ + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(AuthorityTest, CreateNeverReplacesACa) {
  const std::string before = Open()->ca_certificate_der();
  EXPECT_EQ(Authority::Create(*fs_, dir_, ServerId{}, clock_).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Open()->ca_certificate_der(), before);
}

TEST_F(AuthorityTest, ServerCertificateIsRenewedAtHalfOfItsLife) {
  const absl::Time first = Open()->server_certificate_expires();
  clock_.now += kServerCertificateLife / 2 - absl::Hours(1);
  EXPECT_EQ(Open()->server_certificate_expires(), first);
  clock_.now += absl::Hours(2);
  const absl::Time second = Open()->server_certificate_expires();
  EXPECT_GT(second, first);
  EXPECT_EQ(Open()->server_certificate_expires(), second);
}

TEST_F(AuthorityTest, IssuesForOneYearWhatTheTokenSays) {
  const PeerIdentity web1{ServerId{}, PeerRole::kHost, "main", "web1"};
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem());
  auto issued = Open()->Issue(AsBytes(csr), web1);
  ASSERT_TRUE(issued.ok()) << issued.status();
  auto view = InspectCertificateDer(AsBytes(issued->der));
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->uri_sans, std::vector<std::string>{web1.ToUri()});
  EXPECT_EQ(view->not_after, issued->not_after);
  EXPECT_EQ(issued->not_after, clock_.now + kClientCertificateLife);
  EXPECT_LT(view->not_before, clock_.now);
}

TEST_F(AuthorityTest, MissingAndMixedFilesOfTheCaAreNamed) {
  ASSERT_TRUE(WriteFileDurably(*fs_, dir_ + "/ca.key",
                               AsBytes(*GeneratePrivateKeyPem()), 0600)
                  .ok());
  absl::Status refused =
      Authority::Open(*fs_, dir_, ServerId{}, clock_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(refused.message().find("ca.crt"), absl::string_view::npos);
  ASSERT_TRUE(fs_->Unlink(dir_ + "/ca.key").ok());
  refused = Authority::Open(*fs_, dir_, ServerId{}, clock_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("ca.key"), absl::string_view::npos);
}

TEST_F(AuthorityTest, DamagedServerKeyAndCertificateAreMadeAnew) {
  for (const char* name : {"/server.key", "/server.crt"}) {
    for (const bool gone : {false, true}) {
      ASSERT_TRUE(
          WriteFileDurably(*fs_, dir_ + name, AsBytes("damaged"), 0600).ok());
      if (gone) {
        ASSERT_TRUE(fs_->Unlink(dir_ + name).ok());
      }
      auto authority = Open();
      EXPECT_TRUE(CheckCertificatePem(
                      DerToPem(AsBytes(authority->server_certificate_der())),
                      authority->server_key_pem(),
                      DerToPem(AsBytes(authority->ca_certificate_der())))
                      .ok());
      EXPECT_EQ(Open()->server_key_pem(), authority->server_key_pem());
    }
  }
}

}  // namespace
}  // namespace nightsafe
