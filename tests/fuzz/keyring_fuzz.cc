// First byte even: the rest is a sealed keyring. Odd: it is the keyring itself,
// of whatever vault its first edition makes.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/crypto/keyring.h"
#include "google/protobuf/stubs/logging.h"

namespace nightsafe {
namespace {

BoxKey RecoveryKey() {
  const std::string secret(32, 3);
  return BoxKey::FromSecret(*Secret32::FromBytes(AsBytes(secret)));
}

void OpenSealedKeyring(ByteView sealed) {
  static const BoxKey recovery_key = RecoveryKey();
  absl::StatusOr<VaultId> vault = SealedKeyringVault(sealed);
  if (!vault.ok()) {
    NS_CHECK(!OpenKeyring(sealed, recovery_key, VaultId{}).ok());
    return;
  }
  absl::StatusOr<Keyring> keyring = OpenKeyring(sealed, recovery_key, *vault);
  if (keyring.ok()) NS_CHECK(keyring->vault_id() == *vault);
}

void ParseKeyring(ByteView bytes) {
  v1::format::Keyring message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      message.editions().empty()) {
    return;
  }
  absl::StatusOr<VerifyKey> first =
      VerifyKey::FromBytes(AsBytes(message.editions(0).verify_key()));
  if (!first.ok()) return;
  const VaultId vault = VaultIdOf(*first);
  message.set_vault_id(std::string(vault.text()));
  absl::StatusOr<Keyring> keyring =
      Keyring::Parse(AsBytes(message.SerializeAsString()), vault);
  if (!keyring.ok()) return;
  const std::string again = keyring->Serialize();
  NS_CHECK(Keyring::Parse(AsBytes(again), vault)->Serialize() == again);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  ByteCursor input(std::as_bytes(std::span(data, size)));
  if (input.U8() % 2 == 0) {
    OpenSealedKeyring(input.rest());
  } else {
    ParseKeyring(input.rest());
  }
  return 0;
}
