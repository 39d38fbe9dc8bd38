// Whose orders a vault obeys, and which it has carried out. Part of
// RetentionState. No I/O.
#pragma once

#include <map>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "nightsafe/v1/format/order.pb.h"
#include "server/vault/journal_clock.h"

namespace nightsafe {

// Thread-compatible.
class OrderBook {
 public:
  // The vault's first record names server, vault and first admin key. What it
  // does not name rightly obeys nobody.
  void Begin(const v1::format::VaultRecord::VaultInit& init);

  // The order, if it is signed by an admin key, for this server and vault, and
  // was not carried out before: PERMISSION_DENIED, INVALID_ARGUMENT,
  // ALREADY_EXISTS.
  absl::StatusOr<v1::format::Order> Verify(
      const v1::format::SignedOrder& order) const;
  // FAILED_PRECONDITION: signed too long before the last record of `clock`, or
  // after it. One that was kept back is not what its admin means any more.
  static absl::Status CheckAge(const v1::format::Order& order,
                               const JournalClock& clock);

  void MarkDone(const v1::format::Order& order);
  void AddKey(const VerifyKey& key) { admin_keys_[KeyIdOf(key)] = key; }

  const std::string& vault() const { return vault_; }
  bool HasKey(const KeyId& key) const { return admin_keys_.contains(key); }
  bool HasDone(const std::string& nonce) const {
    return nonces_.contains(nonce);
  }

 private:
  ServerId server_;
  std::string vault_;
  std::map<KeyId, VerifyKey> admin_keys_;
  absl::flat_hash_set<std::string> nonces_;
};

}  // namespace nightsafe
