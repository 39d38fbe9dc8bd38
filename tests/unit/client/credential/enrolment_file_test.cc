#include "client/credential/enrolment_file.h"

#include <gtest/gtest.h>

#include "common/crypto/keyring.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

using v1::format::Enrolment;

Enrolment ExampleHost() {
  InitCrypto();
  const Keyring keyring = Keyring::Create();
  Enrolment enrolment;
  enrolment.set_version(1);
  enrolment.set_role(Enrolment::HOST);
  enrolment.set_server_address("backup1:7480");
  enrolment.set_enrol_address("backup1:7481");
  enrolment.set_server_id(std::string(24, 's'));
  enrolment.set_ca_certificate_der("certificate");
  enrolment.set_token(std::string(32, 't'));
  enrolment.set_name("web1");
  enrolment.add_vaults("main");
  enrolment.add_vault_ids(std::string(keyring.vault_id().text()));
  *enrolment.mutable_deposit_key() =
      ToProto(MintDepositKey(keyring.DeriveEnrolKey(), "web1", 1, "web1", 1));
  return enrolment;
}

TEST(EnrolmentFile, RoundTripsAsOneLine) {
  const Enrolment enrolment = ExampleHost();
  const std::string line = EncodeEnrolment(enrolment);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  absl::StatusOr<Enrolment> decoded = DecodeEnrolment(line);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->SerializeAsString(), enrolment.SerializeAsString());
}

TEST(EnrolmentFile, SurvivesLineBreaksOfAMailProgram) {
  std::string line = EncodeEnrolment(ExampleHost());
  for (size_t i = 60; i < line.size(); i += 60) line.insert(i, "\r\n ");
  EXPECT_TRUE(DecodeEnrolment(line).ok());
}

TEST(EnrolmentFile, RefusesEveryCutAndEveryChangedCharacter) {
  const std::string line = EncodeEnrolment(ExampleHost());
  for (size_t length = 0; length + 1 < line.size(); ++length) {
    EXPECT_FALSE(DecodeEnrolment(line.substr(0, length)).ok()) << length;
  }
  for (size_t i = 0; i + 6 < line.size(); ++i) {
    std::string changed = line;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(DecodeEnrolment(changed).ok()) << i;
  }
}

TEST(EnrolmentFile, RefusesAHostWithoutItsParts) {
  Enrolment enrolment = ExampleHost();
  enrolment.clear_deposit_key();
  EXPECT_FALSE(DecodeEnrolment(EncodeEnrolment(enrolment)).ok());
  enrolment = ExampleHost();
  enrolment.set_name("../etc");
  EXPECT_FALSE(DecodeEnrolment(EncodeEnrolment(enrolment)).ok());
  enrolment = ExampleHost();
  enrolment.set_token("short");
  EXPECT_FALSE(DecodeEnrolment(EncodeEnrolment(enrolment)).ok());
  enrolment = ExampleHost();
  enrolment.set_version(2);
  EXPECT_FALSE(DecodeEnrolment(EncodeEnrolment(enrolment)).ok());
}

}  // namespace
}  // namespace nightsafe
