// The manifest object: one snapshot, signed by its host. FORMAT.md has the
// layout.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/keyring.h"
#include "common/object/object.h"
#include "common/object/sealer.h"
#include "nightsafe/v1/format/manifest.pb.h"

namespace nightsafe {

// The object bytes of a manifest with root `root`. Fills in of `clear`: vault
// id, host, certificate, opening key id; of `sealed`: root key and length. The
// rest is the caller's. INVALID_ARGUMENT past kMaxManifestBytes.
absl::StatusOr<std::string> SealManifest(const DepositKey& key,
                                         v1::format::ManifestClear clear,
                                         v1::format::ManifestSealed sealed,
                                         const ObjectRef& root);

// A manifest that parses; nothing is verified but its shape.
struct Manifest {
  SnapshotId id;
  ObjectId root;
  v1::format::ManifestClear clear;
  std::string object;        // the whole object
  std::string clear_bytes;   // as signed
  std::string sealed_bytes;  // ephemeral key and ciphertext
  Signature signature;
};
// DATA_LOSS with the reason.
absl::StatusOr<Manifest> ParseManifest(ByteView object);

// The checks a server makes, without any secret: certificate of this vault,
// names valid, opening key id, the host's signature over both parts and root.
// PERMISSION_DENIED with the reason.
absl::Status VerifyManifest(const Manifest& manifest, const VaultId& vault_id,
                            const VerifyKey& vault_verify_key,
                            const KeyId& opening_key_id);
// As VerifyManifest, of a manifest whose certificate was verified before.
absl::Status VerifyHostSignature(const Manifest& manifest,
                                 const VaultId& vault_id,
                                 const KeyId& opening_key_id);

struct OpenedManifest {
  ObjectRef root;
  v1::format::ManifestSealed sealed;
};
// Verifies against the editions in `key`, then opens. PERMISSION_DENIED,
// DATA_LOSS, or NOT_FOUND if the read key lacks the edition it was sealed to.
absl::StatusOr<OpenedManifest> OpenManifest(const Manifest& manifest,
                                            const ReadKey& key);

// `value` with only its two leading binary digits, for clear counts.
uint64_t RoundedCount(uint64_t value);

}  // namespace nightsafe
