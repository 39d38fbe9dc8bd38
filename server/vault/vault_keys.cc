#include "server/vault/vault_keys.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/crypto/keyring.h"

namespace nightsafe {
namespace {

using v1::format::Order;

std::string HashText(const std::string& sealed) {
  if (sealed.empty()) return "";
  const Hash32 hash = HashOf(AsBytes(sealed));
  return std::string(AsText(hash));
}

}  // namespace

absl::Status VaultKeys::CheckStore(const Order::StoreKeyring& order,
                                   const std::string& sealed) const {
  if (sealed.empty() || order.sealed_keyring_hash() != HashText(sealed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a keyring of ", sealed.size(),
                     " bytes came with the order, not the one it names"));
  }
  const absl::StatusOr<VaultId> vault = SealedKeyringVault(AsBytes(sealed));
  if (!vault.ok()) return absl::InvalidArgumentError(vault.status().message());
  const auto keys = SealedKeyringRecipients(AsBytes(sealed));
  if (!keys.ok()) return absl::InvalidArgumentError(keys.status().message());
  if (vault->text() != vault_id_) {
    return absl::InvalidArgumentError(
        absl::StrCat("the keyring is of vault ", vault->Hex(), ", not of ",
                     HexEncode(AsBytes(vault_id_))));
  }
  if (order.previous_keyring_hash() == HashText(sealed_keyring_)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "the keyring was changed by somebody else in between: give the command "
      "again");
}

absl::Status VaultKeys::CheckProven(
    const Order::RecoveryKeyProven& order) const {
  NS_ASSIGN_OR_RETURN(KeyId id,
                      KeyId::FromBytes(AsBytes(order.recovery_key_id())));
  const std::vector<KeyId> keys = RecoveryKeys();
  if (std::find(keys.begin(), keys.end(), id) != keys.end()) {
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat(
      "the vault's keyring is not sealed to recovery key ", id.Hex()));
}

void VaultKeys::Store(const std::string& sealed) {
  sealed_keyring_ = sealed;
  const std::vector<KeyId> keys = RecoveryKeys();
  std::erase_if(proven_, [&](const auto& entry) {
    return std::find(keys.begin(), keys.end(), entry.first) == keys.end();
  });
}

void VaultKeys::NoteProven(const Order::RecoveryKeyProven& order,
                           absl::Time when) {
  proven_[KeyId::FromValidBytes(AsBytes(order.recovery_key_id()))] = when;
}

std::vector<KeyId> VaultKeys::RecoveryKeys() const {
  auto keys = SealedKeyringRecipients(AsBytes(sealed_keyring_));
  return keys.ok() ? *std::move(keys) : std::vector<KeyId>{};
}

std::optional<absl::Time> VaultKeys::Proven(const KeyId& recovery_key) const {
  const auto it = proven_.find(recovery_key);
  if (it == proven_.end()) return std::nullopt;
  return it->second;
}

std::optional<absl::Time> VaultKeys::LastProven() const {
  std::optional<absl::Time> last;
  for (const auto& [key, when] : proven_) {
    if (!last.has_value() || *last < when) last = when;
  }
  return last;
}

}  // namespace nightsafe
