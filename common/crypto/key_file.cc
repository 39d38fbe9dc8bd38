#include "common/crypto/key_file.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/crypto/key_message.h"
#include "common/crypto/key_text.h"
#include "common/crypto/passphrase.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

using v1::format::KeyFile;

constexpr size_t kCheckBytes = 32;

struct KindFacts {
  KeyFile::Kind kind;
  absl::string_view noun;
  bool has_public_key;  // else it has a vault id
};

constexpr KindFacts kKinds[] = {
    {KeyFile::RECOVERY, "RECOVERY KEY", true},
    {KeyFile::READ, "READ KEY", false},
    {KeyFile::ENROL, "ENROL KEY", false},
    {KeyFile::ADMIN, "ADMIN KEY", true},
    {KeyFile::DEPOSIT, "DEPOSIT KEY", false},
};

const KindFacts* FactsOf(KeyFile::Kind kind) {
  for (const KindFacts& facts : kKinds) {
    if (facts.kind == kind) return &facts;
  }
  return nullptr;
}

bool IsProtected(const KeyFile& file) {
  return file.kdf_memory_bytes() != 0 || file.kdf_passes() != 0 ||
         !file.kdf_salt().empty();
}

// Every field but `sealed`.
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

Hash32 CheckOf(ByteView aad, ByteView plain) {
  return DeriveHash("nightsafe key file check v1", {aad, plain});
}

absl::Status CheckForm(const KeyFile& file, absl::string_view noun) {
  if (file.suite() != kSuite) {
    return absl::InvalidArgumentError(absl::StrCat(
        "key file of suite ", file.suite(), "; this program knows ", kSuite));
  }
  const KindFacts* facts = FactsOf(file.kind());
  if (facts == nullptr || facts->noun != noun) {
    return absl::InvalidArgumentError(
        absl::StrCat("key file of kind ", static_cast<int>(file.kind()),
                     " between lines that say \"", noun, "\""));
  }
  NS_RETURN_IF_ERROR(CheckKeyLabel(file.label()));
  const size_t public_key_size = facts->has_public_key ? 32 : 0;
  if (file.public_key().size() != public_key_size ||
      file.vault_id().size() != 32 - public_key_size) {
    return absl::InvalidArgumentError(
        "key file with a public key or vault id of the wrong length");
  }
  if (!IsProtected(file)) return absl::OkStatus();
  NS_RETURN_IF_ERROR(CheckKdfCost(file.kdf_memory_bytes(), file.kdf_passes()));
  if (file.kdf_salt().size() != kKdfSaltBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "key file with a salt of ", file.kdf_salt().size(), " bytes, not 16"));
  }
  return absl::OkStatus();
}

absl::Status ParseKeyFile(absl::string_view text, KeyFile& file) {
  NS_ASSIGN_OR_RETURN(KeyText decoded, DecodeKeyText(text));
  const SecretText bytes(std::move(decoded.bytes));
  if (!ParseMessage(bytes.view(), kMaxKeyFileBytes, file)) {
    return absl::InvalidArgumentError("key file does not parse");
  }
  return CheckForm(file, decoded.noun);
}

absl::StatusOr<Secret32> PassphraseKey(const KeyFile& file,
                                       absl::string_view passphrase) {
  return KeyFromPassphrase(passphrase,
                           AsBytes(file.kdf_salt()).first<kKdfSaltBytes>(),
                           file.kdf_memory_bytes(), file.kdf_passes());
}

absl::Status Seal(absl::string_view passphrase, ByteView plain, KeyFile& file) {
  const std::string aad = Aad(file);
  if (!IsProtected(file)) {
    std::string& sealed = *file.mutable_sealed();
    sealed.reserve(kCheckBytes + plain.size());
    AppendBytes(CheckOf(AsBytes(aad), plain), sealed);
    AppendBytes(plain, sealed);
    return absl::OkStatus();
  }
  NS_ASSIGN_OR_RETURN(Secret32 key, PassphraseKey(file, passphrase));
  file.set_sealed(SealWithRandomNonce(key, AsBytes(aad), plain));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Open(const KeyFile& file,
                                 absl::string_view passphrase) {
  const std::string aad = Aad(file);
  const ByteView sealed = AsBytes(file.sealed());
  if (IsProtected(file)) {
    if (passphrase.empty()) {
      return absl::PermissionDeniedError("key file needs its passphrase");
    }
    NS_ASSIGN_OR_RETURN(Secret32 key, PassphraseKey(file, passphrase));
    return OpenWithNonce(key, AsBytes(aad), sealed);
  }
  if (sealed.size() < kCheckBytes) {
    return absl::DataLossError("key file ends early");
  }
  const ByteView plain = sealed.subspan(kCheckBytes);
  const Hash32 check = CheckOf(AsBytes(aad), plain);
  if (!std::equal(check.begin(), check.end(), sealed.begin())) {
    return absl::DataLossError(
        "key file is damaged: its checksum does not fit");
  }
  return std::string(AsText(plain));
}

// `public_part` is the public key or the vault id.
absl::StatusOr<std::string> Encode(KeyFile::Kind kind, absl::string_view label,
                                   absl::string_view public_part,
                                   const google::protobuf::Message& secret,
                                   absl::string_view passphrase,
                                   const PassphraseCost& cost) {
  NS_RETURN_IF_ERROR(CheckKeyLabel(label));
  const KindFacts& facts = *FactsOf(kind);
  KeyFile file;
  const SecretFieldsEraser eraser(file);
  file.set_suite(kSuite);
  file.set_kind(kind);
  file.set_label(std::string(label));
  (facts.has_public_key ? *file.mutable_public_key()
                        : *file.mutable_vault_id()) = std::string(public_part);
  if (!passphrase.empty()) {
    NS_RETURN_IF_ERROR(CheckKdfCost(cost.memory_bytes, cost.passes));
    file.set_kdf_memory_bytes(cost.memory_bytes);
    file.set_kdf_passes(cost.passes);
    file.mutable_kdf_salt()->resize(kKdfSaltBytes);
    FillRandom(AsMutableBytes(*file.mutable_kdf_salt()));
  }
  const SecretText plain(secret.SerializeAsString());
  NS_RETURN_IF_ERROR(Seal(passphrase, plain.view(), file));
  const SecretText bytes(file.SerializeAsString());
  return EncodeKeyText(facts.noun, bytes.view());
}

// Opens a key file of `kind` into `secret`; its clear part goes to `file`.
absl::Status Decode(absl::string_view text, KeyFile::Kind kind,
                    absl::string_view passphrase, KeyFile& file,
                    google::protobuf::Message& secret) {
  NS_RETURN_IF_ERROR(ParseKeyFile(text, file));
  if (file.kind() != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat("this file is a ", FactsOf(file.kind())->noun, ", not a ",
                     FactsOf(kind)->noun));
  }
  NS_ASSIGN_OR_RETURN(std::string opened, Open(file, passphrase));
  const SecretText plain(std::move(opened));
  if (!ParseMessage(plain.view(), kMaxKeyFileBytes, secret)) {
    return absl::InvalidArgumentError("key file: its content does not parse");
  }
  return absl::OkStatus();
}

absl::Status ForAnotherKey() {
  return absl::InvalidArgumentError(
      "key file: its secret is not of the key or vault it names");
}

}  // namespace

absl::StatusOr<std::string> EncodeRecoveryKeyFile(const BoxKey& key,
                                                  absl::string_view label,
                                                  absl::string_view passphrase,
                                                  const PassphraseCost& cost) {
  v1::format::RecoveryKey message;
  const SecretFieldsEraser eraser(message);
  SetBytes(key.secret().view(), *message.mutable_secret_key());
  return Encode(KeyFile::RECOVERY, label, key.public_key().text(), message,
                passphrase, cost);
}

absl::StatusOr<std::string> EncodeReadKeyFile(const ReadKey& key,
                                              absl::string_view label,
                                              absl::string_view passphrase,
                                              const PassphraseCost& cost) {
  v1::format::ReadKey message;
  const SecretFieldsEraser eraser(message);
  SetBytes(key.vault_id.view(), *message.mutable_vault_id());
  if (!key.verify_keys.empty()) {
    SetBytes(key.verify_keys.front().view(), *message.mutable_verify_key());
  }
  for (const BoxKey& opening : key.opening_keys) {
    SetBytes(opening.secret().view(), *message.add_opening_secret_keys());
  }
  for (const VerifyKey& verify : key.verify_keys) {
    SetBytes(verify.view(), *message.add_verify_keys());
  }
  return Encode(KeyFile::READ, label, key.vault_id.text(), message, passphrase,
                cost);
}

absl::StatusOr<std::string> EncodeEnrolKeyFile(const EnrolKey& key,
                                               absl::string_view label,
                                               absl::string_view passphrase,
                                               const PassphraseCost& cost) {
  v1::format::EnrolKey message;
  const SecretFieldsEraser eraser(message);
  SetBytes(key.vault_id.view(), *message.mutable_vault_id());
  SetBytes(key.signing_key.seed().view(),
           *message.mutable_signing_secret_key());
  SetBytes(key.vault_secret.view(), *message.mutable_vault_secret());
  SetBytes(key.opening_public_key.view(),
           *message.mutable_opening_public_key());
  SetBytes(key.signing_key.verify_key().view(), *message.mutable_verify_key());
  return Encode(KeyFile::ENROL, label, key.vault_id.text(), message, passphrase,
                cost);
}

absl::StatusOr<std::string> EncodeDepositKeyFile(const DepositKey& key,
                                                 absl::string_view label,
                                                 absl::string_view passphrase,
                                                 const PassphraseCost& cost) {
  v1::format::DepositKey message = ToProto(key);
  const SecretFieldsEraser eraser(message);
  return Encode(KeyFile::DEPOSIT, label, key.certificate.vault_id(), message,
                passphrase, cost);
}

absl::StatusOr<std::string> EncodeAdminKeyFile(const SigningKey& key,
                                               absl::string_view label,
                                               absl::string_view passphrase,
                                               const PassphraseCost& cost) {
  v1::format::AdminKey message;
  const SecretFieldsEraser eraser(message);
  SetBytes(key.seed().view(), *message.mutable_signing_secret_key());
  return Encode(KeyFile::ADMIN, label, key.verify_key().text(), message,
                passphrase, cost);
}

absl::StatusOr<KeyFileSummary> DescribeKeyFile(absl::string_view text) {
  KeyFile file;
  const SecretFieldsEraser eraser(file);
  NS_RETURN_IF_ERROR(ParseKeyFile(text, file));
  return KeyFileSummary{file.kind(), file.label(), IsProtected(file),
                        file.public_key(), file.vault_id()};
}

absl::StatusOr<BoxKey> DecodeRecoveryKeyFile(absl::string_view text,
                                             absl::string_view passphrase) {
  KeyFile file;
  v1::format::RecoveryKey message;
  const SecretFieldsEraser file_eraser(file), eraser(message);
  NS_RETURN_IF_ERROR(
      Decode(text, KeyFile::RECOVERY, passphrase, file, message));
  NS_ASSIGN_OR_RETURN(Secret32 secret,
                      Secret32::FromBytes(AsBytes(message.secret_key())));
  BoxKey key = BoxKey::FromSecret(secret);
  if (key.public_key().text() != file.public_key()) return ForAnotherKey();
  return key;
}

absl::StatusOr<ReadKey> DecodeReadKeyFile(absl::string_view text,
                                          absl::string_view passphrase) {
  KeyFile file;
  v1::format::ReadKey message;
  const SecretFieldsEraser file_eraser(file), eraser(message);
  NS_RETURN_IF_ERROR(Decode(text, KeyFile::READ, passphrase, file, message));
  ReadKey key;
  NS_ASSIGN_OR_RETURN(key.vault_id,
                      VaultId::FromBytes(AsBytes(message.vault_id())));
  for (const std::string& verify : message.verify_keys()) {
    NS_ASSIGN_OR_RETURN(VerifyKey verify_key,
                        VerifyKey::FromBytes(AsBytes(verify)));
    key.verify_keys.push_back(verify_key);
  }
  for (const std::string& opening : message.opening_secret_keys()) {
    NS_ASSIGN_OR_RETURN(Secret32 secret, Secret32::FromBytes(AsBytes(opening)));
    key.opening_keys.push_back(BoxKey::FromSecret(secret));
  }
  if (key.verify_keys.empty() ||
      key.verify_keys.size() != key.opening_keys.size() ||
      message.verify_key() != key.verify_keys.front().text()) {
    return absl::InvalidArgumentError(
        "read key: verify keys and opening keys do not belong together");
  }
  if (VaultIdOf(key.verify_keys.front()) != key.vault_id ||
      key.vault_id.text() != file.vault_id()) {
    return ForAnotherKey();
  }
  return key;
}

absl::StatusOr<EnrolKey> DecodeEnrolKeyFile(absl::string_view text,
                                            absl::string_view passphrase) {
  KeyFile file;
  v1::format::EnrolKey message;
  const SecretFieldsEraser file_eraser(file), eraser(message);
  NS_RETURN_IF_ERROR(Decode(text, KeyFile::ENROL, passphrase, file, message));
  NS_ASSIGN_OR_RETURN(VaultId vault,
                      VaultId::FromBytes(AsBytes(message.vault_id())));
  NS_ASSIGN_OR_RETURN(
      Secret32 seed,
      Secret32::FromBytes(AsBytes(message.signing_secret_key())));
  NS_ASSIGN_OR_RETURN(Secret32 vault_secret,
                      Secret32::FromBytes(AsBytes(message.vault_secret())));
  NS_ASSIGN_OR_RETURN(
      BoxPublicKey opening,
      BoxPublicKey::FromBytes(AsBytes(message.opening_public_key())));
  SigningKey signing_key = SigningKey::FromSeed(seed);
  if (signing_key.verify_key().text() != message.verify_key() ||
      vault.text() != file.vault_id()) {
    return ForAnotherKey();
  }
  return EnrolKey{vault, std::move(signing_key), std::move(vault_secret),
                  opening};
}

absl::StatusOr<DepositKey> DecodeDepositKeyFile(absl::string_view text,
                                                absl::string_view passphrase) {
  KeyFile file;
  v1::format::DepositKey message;
  const SecretFieldsEraser file_eraser(file), eraser(message);
  NS_RETURN_IF_ERROR(Decode(text, KeyFile::DEPOSIT, passphrase, file, message));
  if (message.certificate().vault_id() != file.vault_id()) {
    return ForAnotherKey();
  }
  return FromProto(message);
}

absl::StatusOr<SigningKey> DecodeAdminKeyFile(absl::string_view text,
                                              absl::string_view passphrase) {
  KeyFile file;
  v1::format::AdminKey message;
  const SecretFieldsEraser file_eraser(file), eraser(message);
  NS_RETURN_IF_ERROR(Decode(text, KeyFile::ADMIN, passphrase, file, message));
  NS_ASSIGN_OR_RETURN(
      Secret32 seed,
      Secret32::FromBytes(AsBytes(message.signing_secret_key())));
  SigningKey key = SigningKey::FromSeed(seed);
  if (key.verify_key().text() != file.public_key()) return ForAnotherKey();
  return key;
}

}  // namespace nightsafe
