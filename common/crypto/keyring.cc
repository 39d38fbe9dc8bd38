#include "common/crypto/keyring.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/cursor.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/crypto/key_message.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

constexpr int kMaxEditions = 256;
constexpr absl::string_view kEditionContext = "nightsafe keyring edition v1";

// What an edition's predecessor signs.
std::string EditionStatement(const VaultId& vault, uint32_t number,
                             const BoxKey& opening_key,
                             const SigningKey& signing_key,
                             const Secret32& vault_secret) {
  const Hash32 secrets =
      DeriveHash("nightsafe keyring secrets v1",
                 {opening_key.secret().view(), signing_key.seed().view(),
                  vault_secret.view()});
  std::string statement;
  PutLengthPrefixed(vault.view(), statement);
  PutU32(number, statement);
  PutLengthPrefixed(opening_key.public_key().view(), statement);
  PutLengthPrefixed(signing_key.verify_key().view(), statement);
  PutLengthPrefixed(secrets, statement);
  return statement;
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("keyring: ", what));
}

}  // namespace

VaultId VaultIdOf(const VerifyKey& first_verify_key) {
  return VaultId{
      DeriveHash("nightsafe vault id v1", {first_verify_key.view()})};
}

absl::StatusOr<const BoxKey*> ReadKey::FindOpeningKey(const KeyId& id) const {
  for (const BoxKey& key : opening_keys) {
    if (KeyIdOf(key.public_key()) == id) return &key;
  }
  return absl::NotFoundError(
      absl::StrCat("this read key has no opening key ", id.Hex(),
                   ": export a new read key from the vault's current keyring"));
}

Keyring Keyring::Create() {
  Keyring keyring;
  keyring.AddEdition();
  return keyring;
}

void Keyring::AddEdition() {
  Edition next{SigningKey::Generate(), BoxKey::Generate(), RandomSecret(), ""};
  if (editions_.empty()) {
    vault_id_ = VaultIdOf(next.signing_key.verify_key());
  } else {
    const auto number = static_cast<uint32_t>(editions_.size() + 1);
    next.signature = std::string(
        editions_.back()
            .signing_key
            .Sign(kEditionContext, AsBytes(EditionStatement(
                                       vault_id_, number, next.opening_key,
                                       next.signing_key, next.vault_secret)))
            .text());
  }
  editions_.push_back(std::move(next));
}

absl::Status Keyring::AppendParsed(const v1::format::KeyringEdition& message) {
  NS_ASSIGN_OR_RETURN(
      Secret32 opening,
      Secret32::FromBytes(AsBytes(message.opening_secret_key())));
  NS_ASSIGN_OR_RETURN(
      Secret32 seed,
      Secret32::FromBytes(AsBytes(message.signing_secret_key())));
  NS_ASSIGN_OR_RETURN(Secret32 vault_secret,
                      Secret32::FromBytes(AsBytes(message.vault_secret())));
  Edition edition{SigningKey::FromSeed(seed), BoxKey::FromSecret(opening),
                  std::move(vault_secret), message.signature()};
  const auto number = static_cast<uint32_t>(editions_.size() + 1);
  if (message.number() != number) {
    return Damaged(
        absl::StrCat("edition ", message.number(), " stands at ", number));
  }
  const VerifyKey& verify_key = edition.signing_key.verify_key();
  if (message.opening_public_key() != edition.opening_key.public_key().text() ||
      message.verify_key() != verify_key.text()) {
    return Damaged(absl::StrCat(
        "edition ", number, " has public keys that are not of its secrets"));
  }
  if (editions_.empty()) {
    if (VaultIdOf(verify_key) != vault_id_) {
      return Damaged(absl::StrCat("it is not of vault ", vault_id_.Hex()));
    }
    if (!edition.signature.empty()) return Damaged("edition 1 is signed");
  } else {
    NS_ASSIGN_OR_RETURN(Signature signature,
                        Signature::FromBytes(AsBytes(edition.signature)));
    const std::string statement =
        EditionStatement(vault_id_, number, edition.opening_key,
                         edition.signing_key, edition.vault_secret);
    if (!VerifySignature(editions_.back().signing_key.verify_key(),
                         kEditionContext, AsBytes(statement), signature)
             .ok()) {
      return Damaged(
          absl::StrCat("edition ", number, " is not signed by the one before"));
    }
  }
  editions_.push_back(std::move(edition));
  return absl::OkStatus();
}

absl::StatusOr<Keyring> Keyring::Parse(ByteView serialized,
                                       const VaultId& vault_id) {
  v1::format::Keyring message;
  const SecretFieldsEraser eraser(message);
  if (!ParseMessage(serialized, kMaxKeyringBytes, message)) {
    return Damaged("it does not parse");
  }
  if (message.vault_id() != vault_id.text()) {
    return Damaged(absl::StrCat("it is of vault ",
                                HexEncode(AsBytes(message.vault_id())),
                                ", not ", vault_id.Hex()));
  }
  if (message.editions().empty() || message.editions_size() > kMaxEditions) {
    return Damaged(absl::StrCat(message.editions_size(), " editions, limit ",
                                kMaxEditions));
  }
  Keyring keyring;
  keyring.vault_id_ = vault_id;
  for (const v1::format::KeyringEdition& edition : message.editions()) {
    if (absl::Status status = keyring.AppendParsed(edition); !status.ok()) {
      return absl::DataLossError(status.message());
    }
  }
  if (!message.admin_signing_secret().empty()) {
    absl::StatusOr<Secret32> seed =
        Secret32::FromBytes(AsBytes(message.admin_signing_secret()));
    if (!seed.ok()) return Damaged("an admin key of the wrong length");
    keyring.SetAdminSeed(*seed);
  }
  return keyring;
}

std::string Keyring::Serialize() const {
  v1::format::Keyring message;
  const SecretFieldsEraser eraser(message);
  message.set_vault_id(std::string(vault_id_.text()));
  for (const Edition& edition : editions_) {
    v1::format::KeyringEdition* out = message.add_editions();
    out->set_number(static_cast<uint32_t>(message.editions_size()));
    SetBytes(edition.opening_key.secret().view(),
             *out->mutable_opening_secret_key());
    SetBytes(edition.opening_key.public_key().view(),
             *out->mutable_opening_public_key());
    SetBytes(edition.signing_key.seed().view(),
             *out->mutable_signing_secret_key());
    SetBytes(edition.signing_key.verify_key().view(),
             *out->mutable_verify_key());
    SetBytes(edition.vault_secret.view(), *out->mutable_vault_secret());
    out->set_signature(edition.signature);
  }
  if (has_admin_seed_) {
    SetBytes(admin_seed_.view(), *message.mutable_admin_signing_secret());
  }
  return message.SerializeAsString();
}

const VerifyKey& Keyring::verify_key() const {
  return editions_.back().signing_key.verify_key();
}

const BoxPublicKey& Keyring::opening_public_key() const {
  return editions_.back().opening_key.public_key();
}

ReadKey Keyring::DeriveReadKey() const {
  ReadKey read;
  read.vault_id = vault_id_;
  for (const Edition& edition : editions_) {
    read.verify_keys.push_back(edition.signing_key.verify_key());
    read.opening_keys.push_back(
        BoxKey::FromSecret(edition.opening_key.secret()));
  }
  return read;
}

EnrolKey Keyring::DeriveEnrolKey() const {
  const Edition& current = editions_.back();
  return EnrolKey{vault_id_, SigningKey::FromSeed(current.signing_key.seed()),
                  current.vault_secret.Clone(),
                  current.opening_key.public_key()};
}

void Keyring::SetAdminSeed(const Secret32& seed) {
  admin_seed_ = seed.Clone();
  has_admin_seed_ = true;
}

}  // namespace nightsafe
