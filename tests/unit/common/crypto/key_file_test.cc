#include "common/crypto/key_file.h"

#include <gtest/gtest.h>

#include <string>

namespace nightsafe {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr PassphraseCost kCheap = {.memory_bytes = 8 << 10, .passes = 1};
constexpr absl::string_view kPassphrase = "correct horse";

std::string RecoveryText(const BoxKey& key, absl::string_view passphrase) {
  absl::StatusOr<std::string> text =
      EncodeRecoveryKeyFile(key, "Anna's key", passphrase, kCheap);
  EXPECT_TRUE(text.ok()) << text.status();
  return *text;
}

TEST(KeyFile, GivesBackEachKindOfKey) {
  Keyring keyring = Keyring::Create();
  keyring.AddEdition();
  for (absl::string_view passphrase : {kPassphrase, absl::string_view()}) {
    const BoxKey recovery = BoxKey::Generate();
    absl::StatusOr<BoxKey> recovery_again =
        DecodeRecoveryKeyFile(RecoveryText(recovery, passphrase), passphrase);
    ASSERT_TRUE(recovery_again.ok()) << recovery_again.status();
    EXPECT_EQ(recovery_again->public_key(), recovery.public_key());

    absl::StatusOr<ReadKey> read = DecodeReadKeyFile(
        *EncodeReadKeyFile(keyring.DeriveReadKey(), "read", passphrase, kCheap),
        passphrase);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->vault_id, keyring.vault_id());
    EXPECT_EQ(read->verify_keys, keyring.DeriveReadKey().verify_keys);
    EXPECT_TRUE(
        read->FindOpeningKey(KeyIdOf(keyring.opening_public_key())).ok());

    const EnrolKey enrol = keyring.DeriveEnrolKey();
    absl::StatusOr<EnrolKey> enrol_again = DecodeEnrolKeyFile(
        *EncodeEnrolKeyFile(enrol, "enrol", passphrase, kCheap), passphrase);
    ASSERT_TRUE(enrol_again.ok()) << enrol_again.status();
    EXPECT_EQ(enrol_again->vault_id, enrol.vault_id);
    EXPECT_EQ(enrol_again->signing_key.verify_key(), keyring.verify_key());
    EXPECT_EQ(HexEncode(enrol_again->vault_secret.view()),
              HexEncode(enrol.vault_secret.view()));
    EXPECT_EQ(enrol_again->opening_public_key, enrol.opening_public_key);

    const DepositKey deposit = MintDepositKey(enrol, "web1", 1, "web1", 1);
    absl::StatusOr<DepositKey> deposit_again = DecodeDepositKeyFile(
        *EncodeDepositKeyFile(deposit, "", passphrase, kCheap), passphrase);
    ASSERT_TRUE(deposit_again.ok()) << deposit_again.status();
    EXPECT_EQ(ToProto(*deposit_again).SerializeAsString(),
              ToProto(deposit).SerializeAsString());

    const SigningKey admin = SigningKey::Generate();
    absl::StatusOr<SigningKey> admin_again = DecodeAdminKeyFile(
        *EncodeAdminKeyFile(admin, "admin", passphrase, kCheap), passphrase);
    ASSERT_TRUE(admin_again.ok()) << admin_again.status();
    EXPECT_EQ(admin_again->verify_key(), admin.verify_key());
  }
}

TEST(KeyFile, DescribesItselfWithoutThePassphrase) {
  const BoxKey key = BoxKey::Generate();
  absl::StatusOr<KeyFileSummary> summary =
      DescribeKeyFile(RecoveryText(key, kPassphrase));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->kind, v1::format::KeyFile::RECOVERY);
  EXPECT_EQ(summary->label, "Anna's key");
  EXPECT_TRUE(summary->is_protected);
  EXPECT_EQ(summary->public_key, key.public_key().text());
  EXPECT_EQ(summary->vault_id, "");
  EXPECT_FALSE(DescribeKeyFile(RecoveryText(key, ""))->is_protected);
  const Keyring keyring = Keyring::Create();
  EXPECT_EQ(DescribeKeyFile(
                *EncodeReadKeyFile(keyring.DeriveReadKey(), "", "", kCheap))
                ->vault_id,
            keyring.vault_id().text());
}

TEST(KeyFile, ShowsAPersonWhatItIs) {
  const std::string text = RecoveryText(BoxKey::Generate(), kPassphrase);
  EXPECT_EQ(text.rfind("-----BEGIN NIGHTSAFE RECOVERY KEY-----\n", 0), 0u);
  EXPECT_NE(text.find("\n-----END NIGHTSAFE RECOVERY KEY-----\n"),
            std::string::npos);
}

TEST(KeyFile, DeniesAWrongOrMissingPassphrase) {
  const std::string text = RecoveryText(BoxKey::Generate(), kPassphrase);
  for (absl::string_view wrong : {"", "correct hors", "correct horse "}) {
    EXPECT_EQ(DecodeRecoveryKeyFile(text, wrong).status().code(), kDenied);
  }
}

TEST(KeyFile, SaysWhichKindItIsInstead) {
  const std::string text = RecoveryText(BoxKey::Generate(), "");
  const absl::Status status = DecodeAdminKeyFile(text, "").status();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_NE(status.message().find("RECOVERY KEY"), std::string::npos);
  EXPECT_NE(status.message().find("ADMIN KEY"), std::string::npos);
}

TEST(KeyFile, TakesSurroundingSpaceAndWindowsLineEnds) {
  const BoxKey key = BoxKey::Generate();
  std::string text = RecoveryText(key, "");
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;
       at += 2) {
    text.insert(at, 1, '\r');
  }
  EXPECT_TRUE(DecodeRecoveryKeyFile("\n  " + text + "\r\n\n", "").ok());
}

TEST(KeyFile, RefusesBadLabels) {
  const BoxKey key = BoxKey::Generate();
  const auto code = [&](const std::string& label) {
    return EncodeRecoveryKeyFile(key, label, "").status().code();
  };
  EXPECT_EQ(code(std::string(200, 'x')), absl::StatusCode::kOk);
  EXPECT_EQ(code("Schl\xc3\xbcssel \xf0\x9f\x94\x91"), absl::StatusCode::kOk);
  for (const std::string& label :
       {std::string(201, 'x'), std::string("a\x1b[2J"), std::string("a\nb"),
        std::string("\xff"), std::string("\xc0\x80"), std::string("\xc3"),
        std::string("\xed\xa0\x80"), std::string("\xe0\x80\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\x7f")}) {
    EXPECT_EQ(code(label), kInvalid) << HexEncode(AsBytes(label));
  }
}

TEST(KeyFile, RefusesCostsOutOfBounds) {
  const BoxKey key = BoxKey::Generate();
  const auto code = [&](uint64_t memory_bytes, uint32_t passes) {
    return EncodeRecoveryKeyFile(key, "", kPassphrase, {memory_bytes, passes})
        .status()
        .code();
  };
  EXPECT_EQ(code(8 << 10, 0), kInvalid);
  EXPECT_EQ(code(8 << 10, 17), kInvalid);
  EXPECT_EQ(code((8 << 10) - 1, 1), kInvalid);
  EXPECT_EQ(code((1 << 30) + 1024, 1), kInvalid);
  EXPECT_EQ(code((8 << 10) + 1, 1), kInvalid);
}

// Every single-bit change of the text, but for the last line end.
void ExpectEveryFlipRefused(const std::string& text,
                            absl::string_view passphrase) {
  for (size_t bit = 0; bit < 8 * (text.size() - 1); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(DecodeRecoveryKeyFile(changed, passphrase).ok()) << bit;
  }
  for (size_t size = 0; size < text.size() - 1; ++size) {
    EXPECT_FALSE(DecodeRecoveryKeyFile(text.substr(0, size), passphrase).ok())
        << size;
  }
}

TEST(KeyFile, RefusesEveryFlippedBitAndTruncation) {
  ExpectEveryFlipRefused(RecoveryText(BoxKey::Generate(), kPassphrase),
                         kPassphrase);
}

TEST(KeyFile, RefusesEveryFlippedBitAndTruncationWithoutPassphrase) {
  ExpectEveryFlipRefused(RecoveryText(BoxKey::Generate(), ""), "");
}

}  // namespace
}  // namespace nightsafe
