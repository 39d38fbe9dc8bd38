#include "client/admin/recovery_keys.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/admin/orders.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/order/order.h"

namespace nightsafe {
namespace {

using v1::format::Order;

constexpr size_t kLeastDigits = 8;

std::string HashBytes(const std::string& bytes) {
  const Hash32 hash = HashOf(AsBytes(bytes));
  return std::string(AsText(hash));
}

}  // namespace

absl::StatusOr<StoredKeyring> FetchKeyring(
    const AdminClient& server, absl::string_view vault,
    const std::optional<VaultId>& expected) {
  StoredKeyring stored{.vault = std::string(vault), .id = {}, .reply = {}};
  NS_ASSIGN_OR_RETURN(stored.reply, server.GetKeyring(vault));
  NS_ASSIGN_OR_RETURN(stored.id,
                      VaultId::FromBytes(AsBytes(stored.reply.vault_id())));
  if (expected.has_value() && stored.id != *expected) {
    return absl::PermissionDeniedError(
        absl::StrCat("the server's vault ", vault, " has the id ",
                     stored.id.Hex(), ", expected ", expected->Hex(),
                     ": it is another vault; do not trust it"));
  }
  if (stored.reply.sealed_keyring().empty()) {
    return absl::NotFoundError(absl::StrCat(
        "the server keeps no keyring of vault ", vault,
        ": it was added without one, and lies only in its vault file"));
  }
  return stored;
}

absl::StatusOr<KeyId> FindRecoveryKey(const StoredKeyring& stored,
                                      absl::string_view text) {
  const std::string digits = absl::AsciiStrToLower(text);
  if (digits.size() < kLeastDigits) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": at least ", kLeastDigits,
                     " digits of a recovery key's id are needed, as "
                     "`nightsafe-admin vault recovery list` shows it"));
  }
  const auto public_key = BoxPublicKey::FromHex(digits);
  std::optional<KeyId> found;
  for (const v1::RecoveryKeyState& key : stored.reply.recovery_keys()) {
    NS_ASSIGN_OR_RETURN(KeyId id,
                        KeyId::FromBytes(AsBytes(key.recovery_key_id())));
    const bool is_meant = absl::StartsWith(id.Hex(), digits) ||
                          (public_key.ok() && KeyIdOf(*public_key) == id);
    if (!is_meant) continue;
    if (found.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "several recovery keys begin with ", digits, ": give more digits"));
    }
    found = id;
  }
  if (found.has_value()) return *found;
  return absl::NotFoundError(
      absl::StrCat("the keyring of vault ", stored.vault,
                   " is not sealed to a recovery key ", digits,
                   "; `nightsafe-admin vault recovery list` shows which"));
}

absl::Status StoreKeyring(const AdminClient& server,
                          const SigningKey& admin_key,
                          const StoredKeyring& stored,
                          const std::string& sealed, absl::string_view reason) {
  NS_ASSIGN_OR_RETURN(Order order,
                      BeginOrder(server, stored.vault, absl::Now()));
  Order::StoreKeyring& store = *order.mutable_store_keyring();
  store.set_sealed_keyring_hash(HashBytes(sealed));
  store.set_previous_keyring_hash(HashBytes(stored.reply.sealed_keyring()));
  store.set_reason(std::string(reason));
  NS_RETURN_IF_ERROR(server.SubmitOrder(SignOrder(admin_key, order), sealed));
  NS_ASSIGN_OR_RETURN(v1::AdminGetKeyringReply kept,
                      server.GetKeyring(stored.vault));
  if (kept.sealed_keyring() == sealed) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "the server took the order but does not keep that keyring of vault ",
      stored.vault, ": look at `nightsafe-admin audit` and try again"));
}

absl::StatusOr<RecoveryProof> TryRecoveryKey(const StoredKeyring& stored,
                                             const BoxKey& recovery_key) {
  NS_ASSIGN_OR_RETURN(Keyring keyring,
                      OpenKeyring(AsBytes(stored.reply.sealed_keyring()),
                                  recovery_key, stored.id));
  RecoveryProof proof{.key = KeyIdOf(recovery_key.public_key()),
                      .manifest = std::nullopt};
  if (stored.reply.newest_manifest().empty()) return proof;
  NS_ASSIGN_OR_RETURN(proof.manifest,
                      ParseManifest(AsBytes(stored.reply.newest_manifest())));
  const auto opened = OpenManifest(*proof.manifest, keyring.DeriveReadKey());
  if (!opened.ok()) {
    return Annotate(opened.status(),
                    "the keyring opens, but the newest snapshot does not");
  }
  return proof;
}

absl::Status RecordProof(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view vault, const KeyId& recovery_key) {
  NS_ASSIGN_OR_RETURN(Order order, BeginOrder(server, vault, absl::Now()));
  order.mutable_recovery_key_proven()->set_recovery_key_id(
      std::string(recovery_key.text()));
  return SendOrder(server, admin_key, order);
}

}  // namespace nightsafe
