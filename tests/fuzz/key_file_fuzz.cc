// By the first byte: the text of a key file; the content of an unprotected one
// of the kind that the second byte says, with a right checksum; or a key to
// write.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/crypto/blake3.h"
#include "common/crypto/key_file.h"
#include "common/crypto/key_text.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

using v1::format::KeyFile;

constexpr absl::string_view kPassphrase = "passphrase";
constexpr PassphraseCost kCheap{.memory_bytes = 8 << 10, .passes = 1};
constexpr absl::string_view kNouns[] = {"RECOVERY KEY", "READ KEY", "ENROL KEY",
                                        "ADMIN KEY", "DEPOSIT KEY"};

template <typename Message>
Message Parsed(ByteView content) {
  Message message;
  if (!message.ParseFromString(std::string(AsText(content)))) message.Clear();
  return message;
}

// The public key or vault id that fits the content, if it has 32 bytes.
std::string PublicPart(KeyFile::Kind kind, ByteView content) {
  if (kind == KeyFile::RECOVERY) {
    const auto secret = Secret32::FromBytes(
        AsBytes(Parsed<v1::format::RecoveryKey>(content).secret_key()));
    if (!secret.ok()) return "";
    return std::string(BoxKey::FromSecret(*secret).public_key().text());
  }
  if (kind == KeyFile::ADMIN) {
    const auto seed = Secret32::FromBytes(
        AsBytes(Parsed<v1::format::AdminKey>(content).signing_secret_key()));
    if (!seed.ok()) return "";
    return std::string(SigningKey::FromSeed(*seed).verify_key().text());
  }
  if (kind == KeyFile::READ) {
    return Parsed<v1::format::ReadKey>(content).vault_id();
  }
  if (kind == KeyFile::ENROL) {
    return Parsed<v1::format::EnrolKey>(content).vault_id();
  }
  return Parsed<v1::format::DepositKey>(content).certificate().vault_id();
}

std::string TextHolding(size_t kind, ByteView content) {
  KeyFile file;
  file.set_suite(1);
  file.set_kind(static_cast<KeyFile::Kind>(kind + 1));
  const bool has_public_key = kind == 0 || kind == 3;
  std::string& public_part =
      has_public_key ? *file.mutable_public_key() : *file.mutable_vault_id();
  public_part = PublicPart(file.kind(), content);
  public_part.resize(32, 'p');
  std::string aad;
  PutLengthPrefixed(AsBytes("nightsafe key file v1"), aad);
  PutU32(1, aad);
  PutU32(static_cast<uint32_t>(kind + 1), aad);
  PutLengthPrefixed({}, aad);
  PutLengthPrefixed(AsBytes(file.public_key()), aad);
  PutLengthPrefixed(AsBytes(file.vault_id()), aad);
  PutU64(0, aad);
  PutU32(0, aad);
  PutLengthPrefixed({}, aad);
  const Hash32 check =
      DeriveHash("nightsafe key file check v1", {AsBytes(aad), content});
  file.set_sealed(std::string(AsText(check)) + std::string(AsText(content)));
  return EncodeKeyText(kNouns[kind], AsBytes(file.SerializeAsString()));
}

// What a decoder gives encodes to a file that decodes to the same, and from
// then on to the same text.
template <typename Decode, typename Encode>
bool RoundTrip(absl::string_view text, absl::string_view passphrase,
               const Decode& decode, const Encode& encode) {
  const auto key = decode(text, passphrase);
  if (!key.ok()) {
    NS_CHECK(absl::IsInvalidArgument(key.status()) ||
             absl::IsPermissionDenied(key.status()) ||
             absl::IsDataLoss(key.status()));
    return false;
  }
  const auto written = encode(*key, "label", "", PassphraseCost{});
  NS_CHECK(written.ok());
  const auto again = decode(*written, "");
  NS_CHECK(again.ok());
  NS_CHECK(*encode(*again, "label", "", PassphraseCost{}) == *written);
  return true;
}

// A file may ask for a cost of minutes; only those are opened with a passphrase
// that ask for next to none.
absl::string_view PassphraseFor(absl::string_view text) {
  const absl::StatusOr<KeyText> decoded = DecodeKeyText(text);
  KeyFile file;
  const bool cheap = decoded.ok() && file.ParseFromString(decoded->bytes) &&
                     file.kdf_memory_bytes() <= kCheap.memory_bytes &&
                     file.kdf_passes() <= kCheap.passes;
  return cheap ? kPassphrase : absl::string_view();
}

void DecodeAll(absl::string_view text) {
  const absl::string_view passphrase = PassphraseFor(text);
  const bool opened =
      RoundTrip(text, passphrase, DecodeRecoveryKeyFile,
                EncodeRecoveryKeyFile) ||
      RoundTrip(text, passphrase, DecodeReadKeyFile, EncodeReadKeyFile) ||
      RoundTrip(text, passphrase, DecodeEnrolKeyFile, EncodeEnrolKeyFile) ||
      RoundTrip(text, passphrase, DecodeDepositKeyFile, EncodeDepositKeyFile) ||
      RoundTrip(text, passphrase, DecodeAdminKeyFile, EncodeAdminKeyFile);
  absl::StatusOr<KeyFileSummary> summary = DescribeKeyFile(text);
  if (opened) NS_CHECK(summary.ok());
  if (summary.ok()) NS_CHECK(summary->label.size() <= kMaxKeyLabelBytes);
  const absl::StatusOr<KeyText> decoded = DecodeKeyText(text);
  if (summary.ok()) NS_CHECK(decoded.ok());
  if (decoded.ok()) {
    const std::string written =
        EncodeKeyText(decoded->noun, AsBytes(decoded->bytes));
    NS_CHECK(DecodeKeyText(written)->bytes == decoded->bytes);
  }
}

// Keys made from the input, with and without a passphrase: as they were.
void WriteAndRead(FuzzInput& input) {
  const std::string passphrase = input.Flag() ? std::string(kPassphrase) : "";
  const auto secret = Secret32(std::span<const std::byte, 32>(
      input.Fixed<Id<struct SeedTag, 32>>().bytes));
  const std::string label = input.RestText();
  const BoxKey box = BoxKey::FromSecret(secret);
  const auto text = EncodeRecoveryKeyFile(box, label, passphrase, kCheap);
  NS_CHECK(text.ok() == CheckKeyLabel(label).ok());
  if (!text.ok()) return;
  const auto again = DecodeRecoveryKeyFile(*text, passphrase);
  NS_CHECK(again.ok() && again->public_key() == box.public_key());
  const absl::StatusOr<KeyFileSummary> summary = DescribeKeyFile(*text);
  NS_CHECK(summary.ok() && summary->label == label);
  NS_CHECK(summary->is_protected == !passphrase.empty());
  if (passphrase.empty()) return;
  NS_CHECK(absl::IsPermissionDenied(
      DecodeRecoveryKeyFile(*text, "another").status()));
  NS_CHECK(absl::IsPermissionDenied(DecodeRecoveryKeyFile(*text, "").status()));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  FuzzInput input(data, size);
  const size_t what = input.Below(3);
  if (what == 0) {
    DecodeAll(input.RestText());
  } else if (what == 1) {
    const size_t kind = input.Below(std::size(kNouns));
    const std::string content = input.RestText();
    const std::string text = TextHolding(kind, AsBytes(content));
    if (content.size() < kMaxKeyFileBytes - 256) {
      NS_CHECK(DescribeKeyFile(text).ok());
    }
    DecodeAll(text);
  } else {
    WriteAndRead(input);
  }
  return 0;
}
