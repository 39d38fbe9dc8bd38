// First byte even: the rest is the text of a vault file. Odd: it is the sealed
// keyring of one. What is accepted is the same after it was written anew.
#include <cstddef>
#include <cstdint>

#include "client/admin/vault_file.h"
#include "common/base/check.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

void CheckText(absl::string_view text) {
  const absl::StatusOr<VaultFile> file = DecodeVaultFile(text);
  if (!file.ok()) return;
  const std::string written = EncodeVaultFile(*file);
  const absl::StatusOr<VaultFile> again = DecodeVaultFile(written);
  NS_CHECK(again.ok() && EncodeVaultFile(*again) == written);
  NS_CHECK(again->name == file->name && again->id == file->id &&
           again->verify_key == file->verify_key &&
           again->opening_public_key == file->opening_public_key &&
           again->sealed_keyring == file->sealed_keyring);
}

void CheckKeyring(ByteView sealed) {
  VaultFile file{.name = "home"};
  const absl::StatusOr<VaultId> vault = SealedKeyringVault(sealed);
  if (vault.ok()) file.id = *vault;
  file.sealed_keyring = std::string(AsText(sealed));
  NS_CHECK(DecodeVaultFile(EncodeVaultFile(file)).ok() == vault.ok());
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  nightsafe::FuzzInput input(data, size);
  if (input.Flag()) {
    nightsafe::CheckKeyring(input.Rest());
  } else {
    nightsafe::CheckText(input.RestText());
  }
  return 0;
}
