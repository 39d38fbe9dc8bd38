// The part of a manifest that a server without keys reads.
#pragma once

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/manifest.pb.h"

namespace nightsafe {

// OK if names are valid, lengths right, the chain's rule kept, and vault, host
// and opening key those of the certificate and of this vault; else
// PERMISSION_DENIED with the reason. Verifies no signature.
absl::Status CheckClearPart(const v1::format::ManifestClear& clear,
                            const VaultId& vault_id,
                            const KeyId& opening_key_id);

}  // namespace nightsafe
