#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/crypto/aead.h"
#include "common/crypto/key_message.h"
#include "common/crypto/keyring.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxRecipients = 64;
constexpr absl::string_view kRecipientContext =
    "nightsafe keyring recipient v1";

std::string BodyAad(const VaultId& vault) {
  std::string aad;
  PutLengthPrefixed(AsBytes("nightsafe keyring v1"), aad);
  PutU32(kSuite, aad);
  PutLengthPrefixed(vault.view(), aad);
  return aad;
}

absl::Status AddRecipient(const BoxPublicKey& recovery_key,
                          const Secret32& file_key, const VaultId& vault,
                          v1::format::SealedKeyring& sealed) {
  NS_ASSIGN_OR_RETURN(std::string box, SealTo(recovery_key, kRecipientContext,
                                              vault.view(), file_key.view()));
  v1::format::SealedKeyring::Recipient* recipient = sealed.add_recipients();
  recipient->set_recovery_key_id(std::string(KeyIdOf(recovery_key).text()));
  recipient->set_ephemeral_public_key(box.substr(0, BoxPublicKey::kSize));
  recipient->set_sealed_file_key(box.substr(BoxPublicKey::kSize));
  return absl::OkStatus();
}

absl::StatusOr<v1::format::SealedKeyring> ParseSealed(ByteView sealed) {
  v1::format::SealedKeyring message;
  if (!ParseMessage(sealed, kMaxKeyringBytes, message)) {
    return absl::DataLossError("sealed keyring does not parse");
  }
  if (message.suite() != kSuite) {
    return absl::DataLossError(absl::StrCat(
        "sealed keyring of suite ", message.suite(), "; this program knows 1"));
  }
  if (message.vault_id().size() != VaultId::kSize) {
    return absl::DataLossError("sealed keyring with a vault id of " +
                               std::to_string(message.vault_id().size()) +
                               " bytes, not 32");
  }
  const auto recipients = static_cast<size_t>(message.recipients_size());
  if (recipients == 0 || recipients > kMaxRecipients) {
    return absl::DataLossError(absl::StrCat("sealed keyring for ", recipients,
                                            " recovery keys, limit ",
                                            kMaxRecipients));
  }
  return message;
}

// The file key; PERMISSION_DENIED if none of the recipients is this key.
absl::StatusOr<Secret32> OpenFileKey(const v1::format::SealedKeyring& message,
                                     const BoxKey& recovery_key,
                                     const VaultId& vault) {
  const KeyId id = KeyIdOf(recovery_key.public_key());
  for (const auto& recipient : message.recipients()) {
    if (recipient.recovery_key_id() != id.text()) continue;
    if (recipient.ephemeral_public_key().size() != BoxPublicKey::kSize) {
      return absl::DataLossError(
          "sealed keyring with an ephemeral key of the wrong length");
    }
    const std::string box =
        recipient.ephemeral_public_key() + recipient.sealed_file_key();
    absl::StatusOr<std::string> opened =
        OpenSealed(recovery_key, kRecipientContext, vault.view(), AsBytes(box));
    if (!opened.ok()) {
      return absl::DataLossError(
          "sealed keyring: the part for this recovery key is damaged");
    }
    const SecretText file_key(*std::move(opened));
    if (file_key.view().size() != 32) {
      return absl::DataLossError("sealed keyring: file key of wrong length");
    }
    return Secret32::FromBytes(file_key.view());
  }
  return absl::PermissionDeniedError(
      absl::StrCat("this keyring is not sealed to recovery key ", id.Hex(),
                   ": use one that it was sealed to"));
}

// What is to be stored must open with the key that made it.
absl::StatusOr<std::string> Reopened(const v1::format::SealedKeyring& message,
                                     const BoxKey& recovery_key,
                                     const VaultId& vault) {
  std::string sealed = message.SerializeAsString();
  NS_RETURN_IF_ERROR(
      OpenKeyring(AsBytes(sealed), recovery_key, vault).status());
  return sealed;
}

}  // namespace

absl::StatusOr<std::string> SealKeyring(
    const Keyring& keyring, const std::vector<BoxPublicKey>& recovery_keys) {
  if (recovery_keys.empty() || recovery_keys.size() > kMaxRecipients) {
    return absl::InvalidArgumentError(
        absl::StrCat("a keyring is sealed to 1 to ", kMaxRecipients,
                     " recovery keys, not ", recovery_keys.size()));
  }
  const Secret32 file_key = RandomSecret();
  v1::format::SealedKeyring sealed;
  sealed.set_suite(kSuite);
  sealed.set_vault_id(std::string(keyring.vault_id().text()));
  for (const BoxPublicKey& recovery_key : recovery_keys) {
    NS_RETURN_IF_ERROR(
        AddRecipient(recovery_key, file_key, keyring.vault_id(), sealed));
  }
  const SecretText plain(keyring.Serialize());
  // The file key is new and encrypts this body alone: nonce 0 is safe.
  SealOnce(file_key.view(), AsBytes(BodyAad(keyring.vault_id())), plain.view(),
           *sealed.mutable_body());
  return sealed.SerializeAsString();
}

absl::StatusOr<Keyring> OpenKeyring(ByteView sealed, const BoxKey& recovery_key,
                                    const VaultId& vault_id) {
  NS_ASSIGN_OR_RETURN(v1::format::SealedKeyring message, ParseSealed(sealed));
  if (message.vault_id() != vault_id.text()) {
    return absl::DataLossError(absl::StrCat(
        "sealed keyring is of vault ", HexEncode(AsBytes(message.vault_id())),
        ", not ", vault_id.Hex()));
  }
  NS_ASSIGN_OR_RETURN(Secret32 file_key,
                      OpenFileKey(message, recovery_key, vault_id));
  absl::StatusOr<std::string> body = OpenOnce(
      file_key.view(), AsBytes(BodyAad(vault_id)), AsBytes(message.body()));
  if (!body.ok()) return absl::DataLossError("sealed keyring: body is damaged");
  const SecretText plain(*std::move(body));
  return Keyring::Parse(plain.view(), vault_id);
}

absl::StatusOr<std::vector<KeyId>> SealedKeyringRecipients(ByteView sealed) {
  NS_ASSIGN_OR_RETURN(v1::format::SealedKeyring message, ParseSealed(sealed));
  std::vector<KeyId> keys;
  for (const auto& recipient : message.recipients()) {
    const auto id = KeyId::FromBytes(AsBytes(recipient.recovery_key_id()));
    if (!id.ok()) {
      return absl::DataLossError(absl::StrCat(
          "sealed keyring with a recovery key id of ",
          recipient.recovery_key_id().size(), " bytes, not ", KeyId::kSize));
    }
    if (std::find(keys.begin(), keys.end(), *id) == keys.end()) {
      keys.push_back(*id);
    }
  }
  return keys;
}

absl::StatusOr<std::string> AddKeyringRecipient(ByteView sealed,
                                                const BoxKey& recovery_key,
                                                const VaultId& vault_id,
                                                const BoxPublicKey& added) {
  NS_RETURN_IF_ERROR(OpenKeyring(sealed, recovery_key, vault_id).status());
  NS_ASSIGN_OR_RETURN(std::vector<KeyId> keys, SealedKeyringRecipients(sealed));
  if (std::find(keys.begin(), keys.end(), KeyIdOf(added)) != keys.end()) {
    return absl::AlreadyExistsError(absl::StrCat(
        "the keyring is sealed to recovery key ", KeyIdOf(added).Hex()));
  }
  NS_ASSIGN_OR_RETURN(v1::format::SealedKeyring message, ParseSealed(sealed));
  if (static_cast<size_t>(message.recipients_size()) == kMaxRecipients) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the keyring is sealed to ", kMaxRecipients,
                     " recovery keys, the limit: remove one first"));
  }
  NS_ASSIGN_OR_RETURN(Secret32 file_key,
                      OpenFileKey(message, recovery_key, vault_id));
  NS_RETURN_IF_ERROR(AddRecipient(added, file_key, vault_id, message));
  return Reopened(message, recovery_key, vault_id);
}

absl::StatusOr<std::string> RemoveKeyringRecipient(ByteView sealed,
                                                   const BoxKey& recovery_key,
                                                   const VaultId& vault_id,
                                                   const KeyId& removed) {
  NS_RETURN_IF_ERROR(OpenKeyring(sealed, recovery_key, vault_id).status());
  NS_ASSIGN_OR_RETURN(std::vector<KeyId> keys, SealedKeyringRecipients(sealed));
  if (std::find(keys.begin(), keys.end(), removed) == keys.end()) {
    return absl::NotFoundError(absl::StrCat(
        "the keyring is not sealed to recovery key ", removed.Hex()));
  }
  if (keys.size() == 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "recovery key ", removed.Hex(),
        " is the only one: without it nothing would ever open again; add "
        "another first"));
  }
  if (KeyIdOf(recovery_key.public_key()) == removed) {
    return absl::FailedPreconditionError(
        "a recovery key is removed with one that stays, so that it is sure "
        "that this one opens what is left: name another");
  }
  NS_ASSIGN_OR_RETURN(v1::format::SealedKeyring message, ParseSealed(sealed));
  v1::format::SealedKeyring left = message;
  left.clear_recipients();
  for (const auto& recipient : message.recipients()) {
    if (recipient.recovery_key_id() == removed.text()) continue;
    *left.add_recipients() = recipient;
  }
  return Reopened(left, recovery_key, vault_id);
}

absl::StatusOr<VaultId> SealedKeyringVault(ByteView sealed) {
  NS_ASSIGN_OR_RETURN(v1::format::SealedKeyring message, ParseSealed(sealed));
  return VaultId::FromBytes(AsBytes(message.vault_id()));
}

}  // namespace nightsafe
