// Whether a commit record says what a host has signed. Part of VaultState. No
// I/O.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "common/snapshot/manifest.h"
#include "nightsafe/v1/format/journal.pb.h"

namespace nightsafe {

// PERMISSION_DENIED: the record is not for the manifest's host, set or session.
absl::Status CheckSameCommit(const v1::format::VaultRecord::Commit& commit,
                             const Manifest& manifest);

// Thread-compatible.
class CommitSignatures {
 public:
  CommitSignatures(const VaultId& vault, const VerifyKey& vault_key)
      : vault_(vault), vault_key_(vault_key) {}

  // PERMISSION_DENIED: not signed by a host whom that key certifies for the
  // vault. A host's certificate is verified once.
  absl::Status Check(const Manifest& manifest);

 private:
  VaultId vault_;
  VerifyKey vault_key_;
  absl::flat_hash_set<std::string> certificates_;  // that were verified
};

}  // namespace nightsafe
