// A vault's secrets and what is derived from them. FORMAT.md has the layouts.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/sealed_box.h"
#include "common/crypto/secret.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/keys.pb.h"

namespace nightsafe {

VaultId VaultIdOf(const VerifyKey& first_verify_key);

// Opens snapshots of a vault, all editions. Move-only.
struct ReadKey {
  VaultId vault_id;
  std::vector<VerifyKey> verify_keys;  // oldest first; the first makes the id
  std::vector<BoxKey> opening_keys;    // parallel to verify_keys

  // The pair whose public key has this id; NOT_FOUND names the id.
  absl::StatusOr<const BoxKey*> FindOpeningKey(const KeyId& id) const;
};

// Mints deposit keys; opens nothing. Move-only.
struct EnrolKey {
  VaultId vault_id;
  SigningKey signing_key;
  Secret32 vault_secret;
  BoxPublicKey opening_public_key;
};

// Seals as one host. Move-only.
struct DepositKey {
  v1::format::HostCertificate certificate;
  SigningKey signing_key;
  Secret32 domain_secret;
  BoxPublicKey opening_public_key;
};

// The current edition and all before it. Move-only.
class Keyring {
 public:
  static Keyring Create();
  // A change of keys: new secrets, signed by the edition that was current. At
  // most 256 editions.
  void AddEdition();
  // DATA_LOSS unless it is a keyring of `vault_id` whose editions are each
  // signed by the one before.
  static absl::StatusOr<Keyring> Parse(ByteView serialized,
                                       const VaultId& vault_id);

  const VaultId& vault_id() const { return vault_id_; }
  std::string Serialize() const;  // secret bytes
  // What `vault add` registers: the current verify key and opening key.
  const VerifyKey& verify_key() const;
  const BoxPublicKey& opening_public_key() const;
  ReadKey DeriveReadKey() const;
  EnrolKey DeriveEnrolKey() const;
  // The first admin key's seed, kept for a lost admin; may be absent.
  void SetAdminSeed(const Secret32& seed);
  bool has_admin_seed() const { return has_admin_seed_; }
  Secret32 admin_seed() const { return admin_seed_.Clone(); }

 private:
  struct Edition {
    SigningKey signing_key;
    BoxKey opening_key;
    Secret32 vault_secret;
    std::string signature;
  };
  Keyring() = default;
  absl::Status AppendParsed(const v1::format::KeyringEdition& message);
  VaultId vault_id_;
  std::vector<Edition> editions_;
  Secret32 admin_seed_;
  bool has_admin_seed_ = false;
};

// Serialised SealedKeyring. INVALID_ARGUMENT without a recipient or with a bad
// key; at most 64 recipients.
absl::StatusOr<std::string> SealKeyring(
    const Keyring& keyring, const std::vector<BoxPublicKey>& recovery_keys);
// PERMISSION_DENIED if it is not sealed to this key; DATA_LOSS if it is damaged
// or not of `vault_id`.
absl::StatusOr<Keyring> OpenKeyring(ByteView sealed, const BoxKey& recovery_key,
                                    const VaultId& vault_id);
// The vault id a sealed keyring claims; opening checks it.
absl::StatusOr<VaultId> SealedKeyringVault(ByteView sealed);

// Ids of the recovery keys that it is sealed to, each once.
absl::StatusOr<std::vector<KeyId>> SealedKeyringRecipients(ByteView sealed);

// The same keyring, sealed to `added` as well; whoever opens it must be able to
// with `recovery_key`. Errors as OpenKeyring; ALREADY_EXISTS: it is sealed to
// `added`; RESOURCE_EXHAUSTED: to as many as can be.
absl::StatusOr<std::string> AddKeyringRecipient(ByteView sealed,
                                                const BoxKey& recovery_key,
                                                const VaultId& vault_id,
                                                const BoxPublicKey& added);
// The same keyring, no longer sealed to `removed`; an old copy still is.
// FAILED_PRECONDITION: it is the last, or `recovery_key` itself, which has to
// open what is left; else as OpenKeyring; NOT_FOUND.
absl::StatusOr<std::string> RemoveKeyringRecipient(ByteView sealed,
                                                   const BoxKey& recovery_key,
                                                   const VaultId& vault_id,
                                                   const KeyId& removed);

// A new host signing pair with a certificate for it. `host` and `domain` must
// be valid names, the epochs at least 1.
DepositKey MintDepositKey(const EnrolKey& enrol, absl::string_view host,
                          uint32_t host_epoch, absl::string_view domain,
                          uint32_t domain_epoch);

// OK if `certificate` is well formed and signed by `vault_verify_key` for that
// vault; else PERMISSION_DENIED naming what is wrong.
absl::Status VerifyHostCertificate(
    const v1::format::HostCertificate& certificate, const VaultId& vault_id,
    const VerifyKey& vault_verify_key);

// Between stored message and key, for enrolment files and key files.
// INVALID_ARGUMENT for fields of a wrong length.
v1::format::DepositKey ToProto(const DepositKey& key);
absl::StatusOr<DepositKey> FromProto(const v1::format::DepositKey& message);

}  // namespace nightsafe
