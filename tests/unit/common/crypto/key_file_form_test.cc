// Key files that no writer makes: built here field by field.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "common/base/cursor.h"
#include "common/crypto/blake3.h"
#include "common/crypto/key_file.h"
#include "common/crypto/key_message.h"
#include "common/crypto/key_text.h"
#include "common/crypto/passphrase.h"

namespace nightsafe {
namespace {

using v1::format::KeyFile;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::string_view kPassphrase = "correct horse";

KeyFile FileOf(absl::string_view text) {
  KeyFile file;
  EXPECT_TRUE(file.ParseFromString(DecodeKeyText(text)->bytes));
  return file;
}

std::string TextOf(const KeyFile& file, absl::string_view noun) {
  return EncodeKeyText(noun, AsBytes(file.SerializeAsString()));
}

// Under the passphrase, at the least cost.
KeyFile Protected() {
  return FileOf(*EncodeRecoveryKeyFile(
      BoxKey::Generate(), "label", kPassphrase,
      {.memory_bytes = kMinKdfMemoryBytes, .passes = 1}));
}

KeyFile Unprotected() {
  return FileOf(*EncodeRecoveryKeyFile(BoxKey::Generate(), "label", ""));
}

absl::StatusCode Code(const KeyFile& file) {
  return DecodeRecoveryKeyFile(TextOf(file, "RECOVERY KEY"), kPassphrase)
      .status()
      .code();
}

// As FORMAT.md has it.
std::string Aad(const KeyFile& file) {
  std::string aad;
  PutLengthPrefixed(AsBytes("nightsafe key file v1"), aad);
  PutU32(file.suite(), aad);
  PutU32(static_cast<uint32_t>(file.kind()), aad);
  PutLengthPrefixed(AsBytes(file.label()), aad);
  PutLengthPrefixed(AsBytes(file.public_key()), aad);
  PutLengthPrefixed(AsBytes(file.vault_id()), aad);
  PutU64(file.kdf_memory_bytes(), aad);
  PutU32(file.kdf_passes(), aad);
  PutLengthPrefixed(AsBytes(file.kdf_salt()), aad);
  return aad;
}

// Unprotected, with a right checksum over whatever it holds.
KeyFile Holding(KeyFile file, const std::string& plain) {
  const Hash32 check = DeriveHash("nightsafe key file check v1",
                                  {AsBytes(Aad(file)), AsBytes(plain)});
  file.set_sealed(std::string(AsText(check)) + plain);
  return file;
}

TEST(KeyFileForm, IsSealedAsTheFormatSays) {
  const KeyFile file = Protected();
  absl::StatusOr<Secret32> key = KeyFromPassphrase(
      kPassphrase, AsBytes(file.kdf_salt()).first<16>(), kMinKdfMemoryBytes, 1);
  ASSERT_TRUE(key.ok());
  absl::StatusOr<std::string> plain =
      OpenWithNonce(*key, AsBytes(Aad(file)), AsBytes(file.sealed()));
  ASSERT_TRUE(plain.ok()) << plain.status();
  v1::format::RecoveryKey content;
  ASSERT_TRUE(content.ParseFromString(*plain));
  const BoxKey box =
      BoxKey::FromSecret(*Secret32::FromBytes(AsBytes(content.secret_key())));
  EXPECT_EQ(box.public_key().text(), file.public_key());
}

TEST(KeyFileForm, DeniesAChangeOfAnyClearField) {
  const KeyFile good = Protected();
  ASSERT_EQ(Code(good), absl::StatusCode::kOk);
  KeyFile changed[6] = {good, good, good, good, good, good};
  changed[0].set_label("lable");
  changed[1].clear_label();
  changed[2].set_public_key(std::string(32, 'p'));
  changed[3].set_kdf_memory_bytes(2 * kMinKdfMemoryBytes);
  changed[4].set_kdf_passes(2);
  changed[5].set_kdf_salt(std::string(16, 's'));
  for (const KeyFile& file : changed) EXPECT_EQ(Code(file), kDenied);
}

// libsodium takes memory in KiB: only the associated data tells these apart.
TEST(KeyFileForm, RefusesMemoryThatIsNotWholeKiB) {
  KeyFile file = Protected();
  file.set_kdf_memory_bytes(kMinKdfMemoryBytes + 1);
  EXPECT_EQ(Code(file), kInvalid);
}

TEST(KeyFileForm, ReportsDamageWithoutPassphrase) {
  const KeyFile good = Unprotected();
  ASSERT_EQ(Code(good), absl::StatusCode::kOk);
  KeyFile changed[4] = {good, good, good, good};
  changed[0].set_label("lable");
  changed[1].set_public_key(std::string(32, 'p'));
  changed[2].mutable_sealed()->back() ^= 1;
  changed[3].set_sealed(good.sealed().substr(0, 31));
  for (const KeyFile& file : changed) EXPECT_EQ(Code(file), kDataLoss);
}

// A cost that was spent before it was refused would end in PERMISSION_DENIED,
// since it is not the one that was sealed with, or in RESOURCE_EXHAUSTED.
TEST(KeyFileForm, RefusesCostsBeforeTheyAreSpent) {
  KeyFile file = Protected();
  for (uint64_t memory : {(uint64_t{1} << 30) + 1024, uint64_t{1} << 40,
                          ~uint64_t{0}, kMinKdfMemoryBytes - 1024}) {
    file.set_kdf_memory_bytes(memory);
    EXPECT_EQ(Code(file), kInvalid) << memory;
  }
  file.set_kdf_memory_bytes(kMinKdfMemoryBytes);
  for (uint32_t passes : {0u, 17u, ~0u}) {
    file.set_kdf_passes(passes);
    EXPECT_EQ(Code(file), kInvalid) << passes;
    EXPECT_EQ(DescribeKeyFile(TextOf(file, "RECOVERY KEY")).status().code(),
              kInvalid);
  }
}

TEST(KeyFileForm, RefusesPartOfAKdf) {
  const KeyFile good = Protected();
  KeyFile bad[5] = {good, good, good, good, good};
  bad[0].clear_kdf_salt();
  bad[1].set_kdf_salt(std::string(15, 's'));
  bad[2].clear_kdf_memory_bytes();
  bad[3].clear_kdf_passes();
  bad[4].clear_kdf_memory_bytes();
  bad[4].clear_kdf_passes();
  for (const KeyFile& file : bad) EXPECT_EQ(Code(file), kInvalid);
}

TEST(KeyFileForm, RefusesAnotherSuiteKindOrPart) {
  const KeyFile good = Unprotected();
  KeyFile bad[6] = {good, good, good, good, good, good};
  bad[0].set_suite(2);
  bad[1].set_kind(KeyFile::ADMIN);
  bad[2].set_kind(static_cast<KeyFile::Kind>(77));
  bad[3].clear_public_key();
  bad[4].set_vault_id(std::string(32, 'v'));
  bad[5].set_label(std::string(201, 'l'));
  for (const KeyFile& file : bad) EXPECT_EQ(Code(file), kInvalid);
  EXPECT_EQ(DecodeAdminKeyFile(TextOf(good, "ADMIN KEY"), "").status().code(),
            kInvalid);
  EXPECT_EQ(DescribeKeyFile(TextOf(good, "SPARE KEY")).status().code(),
            kInvalid);
}

TEST(KeyFileForm, RefusesContentOfAnotherKey) {
  const KeyFile good = Unprotected();
  v1::format::RecoveryKey content;
  content.set_secret_key(std::string(32, 'x'));
  EXPECT_EQ(Code(Holding(good, content.SerializeAsString())), kInvalid);
  content.set_secret_key(std::string(31, 'x'));
  EXPECT_EQ(Code(Holding(good, content.SerializeAsString())), kInvalid);
  EXPECT_EQ(Code(Holding(good, "")), kInvalid);
  EXPECT_EQ(Code(Holding(good, "\xff")), kInvalid);
}

TEST(KeyFileForm, RefusesAReadKeyWhoseKeysDoNotBelongTogether) {
  Keyring keyring = Keyring::Create();
  keyring.AddEdition();
  const KeyFile file =
      FileOf(*EncodeReadKeyFile(keyring.DeriveReadKey(), "", ""));
  v1::format::ReadKey good;
  ASSERT_TRUE(good.ParseFromString(file.sealed().substr(32)));
  const auto code = [&file](const v1::format::ReadKey& content) {
    return DecodeReadKeyFile(
               TextOf(Holding(file, content.SerializeAsString()), "READ KEY"),
               "")
        .status()
        .code();
  };
  ASSERT_EQ(code(good), absl::StatusCode::kOk);
  v1::format::ReadKey bad[6] = {good, good, good, good, good, good};
  bad[0].mutable_verify_keys()->RemoveLast();
  bad[1].clear_opening_secret_keys();
  bad[1].clear_verify_keys();
  bad[2].set_verify_key(std::string(32, 'v'));
  bad[3].set_vault_id(std::string(32, 'v'));
  bad[4].mutable_verify_keys()->SwapElements(0, 1);
  bad[5].set_opening_secret_keys(0, "short");
  for (const v1::format::ReadKey& content : bad) {
    EXPECT_EQ(code(content), kInvalid);
  }
}

TEST(KeyText, RefusesAnyOtherTextOfTheSameBytes) {
  const std::string text = EncodeKeyText("READ KEY", AsBytes("some bytes, 16"));
  ASSERT_TRUE(DecodeKeyText(text).ok());
  const size_t line = text.find('\n') + 1;
  for (const std::string& other :
       {text.substr(0, line) + "\n" + text.substr(line),
        text.substr(0, line) + " " + text.substr(line),
        text.substr(0, line + 4) + "\n" + text.substr(line + 4), text + text,
        "x" + text, text + "x", text.substr(line), text.substr(0, line)}) {
    EXPECT_EQ(DecodeKeyText(other).status().code(), kInvalid) << other;
  }
}

TEST(KeyText, RefusesTextBeyondItsLimit) {
  const std::string big(2 * kMaxKeyFileBytes, 'k');
  EXPECT_EQ(
      DecodeKeyText(EncodeKeyText("READ KEY", AsBytes(big))).status().code(),
      kInvalid);
}

TEST(EraseBytesFields, ReachesRepeatedAndNestedFields) {
  v1::format::Keyring keyring;
  keyring.add_editions()->set_vault_secret("secret one");
  keyring.set_admin_signing_secret("secret two");
  v1::format::ReadKey read;
  read.add_opening_secret_keys("secret three");
  EraseBytesFields(keyring);
  EraseBytesFields(read);
  EXPECT_EQ(keyring.editions(0).vault_secret(), std::string(10, '\0'));
  EXPECT_EQ(keyring.admin_signing_secret(), std::string(10, '\0'));
  EXPECT_EQ(read.opening_secret_keys(0), std::string(12, '\0'));
}

}  // namespace
}  // namespace nightsafe
