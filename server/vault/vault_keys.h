// The keyring of a vault, sealed to its recovery keys, and when a person last
// tried each of them. Part of RetentionState. No I/O, and no key: what is
// inside the keyring only its recovery keys can tell.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "nightsafe/v1/format/order.pb.h"

namespace nightsafe {

// Thread-compatible.
class VaultKeys {
 public:
  void Begin(const v1::format::VaultRecord::VaultInit& init) {
    vault_id_ = init.vault_id();
  }

  // Whether `sealed` is what the order names, a sealed keyring of this vault,
  // and to follow the present one: INVALID_ARGUMENT, FAILED_PRECONDITION.
  absl::Status CheckStore(const v1::format::Order::StoreKeyring& order,
                          const std::string& sealed) const;
  // NOT_FOUND: the keyring is not sealed to that key.
  absl::Status CheckProven(
      const v1::format::Order::RecoveryKeyProven& order) const;

  // Keys to which `sealed` is not sealed are forgotten.
  void Store(const std::string& sealed);
  void NoteProven(const v1::format::Order::RecoveryKeyProven& order,
                  absl::Time when);

  // Serialised SealedKeyring; empty if there is none.
  const std::string& sealed_keyring() const { return sealed_keyring_; }
  // To which it is sealed; none if it is not well formed.
  std::vector<KeyId> RecoveryKeys() const;
  // Nothing: nobody tried it since the keyring is sealed to it.
  std::optional<absl::Time> Proven(const KeyId& recovery_key) const;
  // Of the key that was tried last.
  std::optional<absl::Time> LastProven() const;

 private:
  std::string vault_id_;
  std::string sealed_keyring_;
  std::map<KeyId, absl::Time> proven_;
};

}  // namespace nightsafe
