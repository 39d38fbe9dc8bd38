// Any text as the URI of a certificate: what is accepted is written the same
// way again, so an identity has one text.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/base/names.h"
#include "common/pki/pki.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

void CheckText(absl::string_view uri) {
  const absl::StatusOr<PeerIdentity> identity = PeerIdentity::FromUri(uri);
  if (!identity.ok()) {
    NS_CHECK(absl::IsInvalidArgument(identity.status()));
    return;
  }
  NS_CHECK(identity->ToUri() == uri);
  NS_CHECK(ValidateName("peer", identity->name).ok());
  NS_CHECK((identity->role == PeerRole::kHost) == !identity->vault.empty());
}

// Written from parts; read back as the same parts if the names are names.
void CheckParts(FuzzInput& input) {
  PeerIdentity identity;
  identity.server = input.Fixed<ServerId>();
  identity.role = static_cast<PeerRole>(input.Below(3));
  if (identity.role == PeerRole::kHost) identity.vault = input.Text();
  identity.name = input.RestText();
  const bool valid = ValidateName("peer", identity.name).ok() &&
                     (identity.role != PeerRole::kHost ||
                      ValidateName("vault", identity.vault).ok());
  const absl::StatusOr<PeerIdentity> read =
      PeerIdentity::FromUri(identity.ToUri());
  if (valid) NS_CHECK(read.ok() && *read == identity);
  CheckText(identity.ToUri());
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nightsafe::FuzzInput input(data, size);
  if (input.Flag()) {
    nightsafe::CheckParts(input);
  } else {
    nightsafe::CheckText(input.RestText());
  }
  return 0;
}
