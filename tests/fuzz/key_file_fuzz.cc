// First byte even: the rest is the text of a key file. Odd: the rest is the
// content of an unprotected one of the kind that the second byte says, with a
// right checksum.
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

namespace nightsafe {
namespace {

using v1::format::KeyFile;

constexpr absl::string_view kNouns[] = {"RECOVERY KEY", "READ KEY", "ENROL KEY",
                                        "ADMIN KEY", "DEPOSIT KEY"};

std::string TextHolding(size_t kind, ByteView content) {
  KeyFile file;
  file.set_suite(1);
  file.set_kind(static_cast<KeyFile::Kind>(kind + 1));
  const bool has_public_key = kind == 0 || kind == 3;
  (has_public_key ? *file.mutable_public_key() : *file.mutable_vault_id())
      .assign(32, 'p');
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

// Without a passphrase, so that no input spends time on Argon2id.
void DecodeAll(absl::string_view text) {
  const bool opened =
      DecodeRecoveryKeyFile(text, "").ok() ||
      DecodeReadKeyFile(text, "").ok() || DecodeEnrolKeyFile(text, "").ok() ||
      DecodeDepositKeyFile(text, "").ok() || DecodeAdminKeyFile(text, "").ok();
  absl::StatusOr<KeyFileSummary> summary = DescribeKeyFile(text);
  if (opened) NS_CHECK(summary.ok() && !summary->is_protected);
  if (summary.ok()) NS_CHECK(summary->label.size() <= kMaxKeyLabelBytes);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  ByteCursor input(std::as_bytes(std::span(data, size)));
  if (input.U8() % 2 == 0) {
    DecodeAll(AsText(input.rest()));
  } else {
    const size_t kind = input.U8() % std::size(kNouns);
    const std::string text = TextHolding(kind, input.rest());
    if (input.rest().size() < kMaxKeyFileBytes - 256) {
      NS_CHECK(DescribeKeyFile(text).ok());
    }
    DecodeAll(text);
  }
  return 0;
}
