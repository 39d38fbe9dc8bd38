#include "common/snapshot/clear_part.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

using v1::format::ManifestClear;

absl::Status Refuse(absl::string_view reason) {
  return absl::PermissionDeniedError(absl::StrCat("manifest ", reason));
}

absl::Status CheckNames(const ManifestClear& clear) {
  absl::Status status = ValidateName("host", clear.host());
  if (status.ok()) status = ValidateName("set", clear.set());
  if (status.ok() && !clear.keyed_name().empty()) {
    status = ValidateKeyedName(clear.keyed_name());
  }
  return status.ok()
             ? status
             : Refuse(absl::StrCat("has a bad name: ", status.message()));
}

absl::Status CheckShape(const ManifestClear& clear) {
  if (clear.chain_counter() == 0) return Refuse("has chain counter 0");
  const size_t previous = clear.chain_counter() == 1 ? 0 : SnapshotId::kSize;
  if (clear.previous_manifest().size() != previous) {
    return Refuse(absl::StrCat("with chain counter ", clear.chain_counter(),
                               " names a previous manifest of ",
                               clear.previous_manifest().size(), " bytes, ",
                               previous, " expected"));
  }
  const size_t content = clear.keyed_name().empty() ? 0 : Fingerprint::kSize;
  if (clear.content_id().size() != content) {
    return Refuse(absl::StrCat("has a content id of ",
                               clear.content_id().size(), " bytes, ", content,
                               " expected"));
  }
  if (clear.session().size() != SessionId::kSize) {
    return Refuse(absl::StrCat("has a session id of ", clear.session().size(),
                               " bytes, ", SessionId::kSize, " expected"));
  }
  return absl::OkStatus();
}

absl::Status CheckOrigin(const ManifestClear& clear, const VaultId& vault_id,
                         const KeyId& opening_key_id) {
  const v1::format::HostCertificate& certificate = clear.certificate();
  if (clear.vault_id() != vault_id.text()) {
    return Refuse("is of another vault");
  }
  if (clear.host() != certificate.host()) {
    return Refuse(absl::StrCat("of host \"", clear.host(),
                               "\" has the certificate of host \"",
                               certificate.host(), "\""));
  }
  if (clear.opening_key_id() != opening_key_id.text() ||
      certificate.opening_key_id() != opening_key_id.text()) {
    return Refuse("is sealed to another opening key than the vault's");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckClearPart(const ManifestClear& clear, const VaultId& vault_id,
                            const KeyId& opening_key_id) {
  NS_RETURN_IF_ERROR(CheckOrigin(clear, vault_id, opening_key_id));
  NS_RETURN_IF_ERROR(CheckNames(clear));
  return CheckShape(clear);
}

}  // namespace nightsafe
