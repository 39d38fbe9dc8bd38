// By the first byte: a sealed keyring; the keyring itself, of whatever vault
// its first edition makes; or what is sealed for a recovery key. What is opened
// is the same after it was written anew.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/crypto/aead.h"
#include "common/crypto/keyring.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz_input.h"

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
  if (!keyring.ok()) {
    NS_CHECK(absl::IsDataLoss(keyring.status()) ||
             absl::IsPermissionDenied(keyring.status()));
    return;
  }
  NS_CHECK(keyring->vault_id() == *vault);
  VaultId other = *vault;
  other.bytes[0] ^= std::byte{1};
  NS_CHECK(absl::IsDataLoss(OpenKeyring(sealed, recovery_key, other).status()));
  const auto again = SealKeyring(
      *keyring, {RecoveryKey().public_key(), recovery_key.public_key()});
  NS_CHECK(again.ok());
  NS_CHECK(OpenKeyring(AsBytes(*again), recovery_key, *vault)->Serialize() ==
           keyring->Serialize());
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
  if (!keyring.ok()) {
    NS_CHECK(absl::IsDataLoss(keyring.status()));
    return;
  }
  const std::string again = keyring->Serialize();
  NS_CHECK(Keyring::Parse(AsBytes(again), vault)->Serialize() == again);
  const ReadKey read = keyring->DeriveReadKey();
  NS_CHECK(read.vault_id == vault && read.verify_keys.front() == *first);
  NS_CHECK(read.verify_keys.size() == read.opening_keys.size());
}

// A sealed keyring whose file key, body and vault id are the input's.
void SealParts(FuzzInput& input) {
  static const BoxKey recovery_key = RecoveryKey();
  const auto vault = input.Fixed<VaultId>();
  std::string file_key(32, 'f');
  if (input.Below(8) == 0) file_key = input.Text();
  const auto box =
      SealTo(recovery_key.public_key(), "nightsafe keyring recipient v1",
             vault.view(), AsBytes(file_key));
  v1::format::SealedKeyring sealed;
  sealed.set_suite(1);
  sealed.set_vault_id(std::string(vault.text()));
  auto& recipient = *sealed.add_recipients();
  recipient.set_recovery_key_id(
      std::string(KeyIdOf(recovery_key.public_key()).text()));
  recipient.set_ephemeral_public_key(box->substr(0, BoxPublicKey::kSize));
  recipient.set_sealed_file_key(box->substr(BoxPublicKey::kSize));
  std::string aad;
  PutLengthPrefixed(AsBytes("nightsafe keyring v1"), aad);
  PutU32(1, aad);
  PutLengthPrefixed(vault.view(), aad);
  if (file_key.size() == 32) {
    SealOnce(AsBytes(file_key).first<32>(), AsBytes(aad), input.Rest(),
             *sealed.mutable_body());
  }
  OpenSealedKeyring(AsBytes(sealed.SerializeAsString()));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  FuzzInput input(data, size);
  switch (input.Below(3)) {
    case 0:
      OpenSealedKeyring(input.Rest());
      break;
    case 1:
      ParseKeyring(input.Rest());
      break;
    default:
      SealParts(input);
  }
  return 0;
}
