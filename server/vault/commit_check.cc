#include "server/vault/commit_check.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {

using v1::format::ManifestClear;
using v1::format::VaultRecord;

absl::Status CheckSameCommit(const VaultRecord::Commit& commit,
                             const Manifest& manifest) {
  const ManifestClear& clear = manifest.clear;
  if (clear.host() == commit.host() && clear.set() == commit.set() &&
      clear.session() == commit.session()) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("a commit of ", commit.host(), "/", commit.set(),
                   ", session ", HexEncode(AsBytes(commit.session())),
                   ", with the manifest of ", clear.host(), "/", clear.set(),
                   ", session ", HexEncode(AsBytes(clear.session()))));
}

absl::Status CommitSignatures::Check(const Manifest& manifest) {
  // The vault's key signs which opening key a host seals to.
  const auto& certificate = manifest.clear.certificate();
  NS_ASSIGN_OR_RETURN(const KeyId opening,
                      KeyId::FromBytes(AsBytes(certificate.opening_key_id())));
  const std::string bytes = certificate.SerializeAsString();
  if (certificates_.contains(bytes)) {
    return VerifyHostSignature(manifest, vault_, opening);
  }
  NS_RETURN_IF_ERROR(VerifyManifest(manifest, vault_, vault_key_, opening));
  certificates_.insert(bytes);
  return absl::OkStatus();
}

}  // namespace nightsafe
