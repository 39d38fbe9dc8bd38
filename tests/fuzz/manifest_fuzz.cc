// By the first byte: any bytes as a manifest, which is put together again from
// its parts, and verified under no key that did not sign; a clear part signed
// by a host, or the plaintext of a sealed part, as a hostile host makes them.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/crypto/random.h"
#include "common/snapshot/clear_part.h"
#include "common/snapshot/manifest.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

using v1::format::ManifestClear;
using v1::format::ManifestSealed;

struct Vault {
  const Keyring keyring = Keyring::Create();
  const ReadKey read = keyring.DeriveReadKey();
  const DepositKey host =
      MintDepositKey(keyring.DeriveEnrolKey(), "web1", 1, "web1", 1);
};

std::string ObjectOf(ByteView clear, ByteView sealed,
                     const Signature& signature, const ObjectId& root) {
  std::string object = EncodeObjectHeader(ObjectKind::kManifest, {root});
  PutLengthPrefixed(clear, object);
  PutLengthPrefixed(sealed, object);
  AppendBytes(signature.view(), object);
  return object;
}

void CheckAny(ByteView input) {
  const auto manifest = ParseManifest(input);
  if (!manifest.ok()) {
    NS_CHECK(absl::IsDataLoss(manifest.status()));
    return;
  }
  NS_CHECK(input.size() <= kMaxManifestBytes);
  NS_CHECK(ObjectOf(AsBytes(manifest->clear_bytes),
                    AsBytes(manifest->sealed_bytes), manifest->signature,
                    manifest->root) == AsText(input));
  NS_CHECK(manifest->object == AsText(input));
  VaultId vault;
  KeyId opening;
  const ManifestClear& clear = manifest->clear;
  if (const auto id = VaultId::FromBytes(AsBytes(clear.vault_id())); id.ok()) {
    vault = *id;
  }
  if (const auto id = KeyId::FromBytes(AsBytes(clear.opening_key_id()));
      id.ok()) {
    opening = *id;
  }
  // Whatever it says; the answer must only be an answer.
  const absl::Status status = CheckClearPart(clear, vault, opening);
  NS_CHECK(status.ok() || absl::IsPermissionDenied(status));
  NS_CHECK(absl::IsPermissionDenied(
      VerifyManifest(*manifest, vault, VerifyKey{}, opening)));
}

// Clear part from the input, all else right.
void CheckSigned(const Vault& vault, FuzzInput& input) {
  ManifestClear clear;
  if (!clear.ParseFromString(input.RestText())) return;
  ManifestSealed sealed;
  sealed.set_agent_version("test");
  const ObjectRef root{.plain_length = 7};
  const auto object = SealManifest(vault.host, clear, sealed, root);
  if (!object.ok()) {
    NS_CHECK(absl::IsInvalidArgument(object.status()));
    return;
  }
  CheckAny(AsBytes(*object));
  const auto manifest = ParseManifest(AsBytes(*object));
  NS_CHECK(manifest.ok());
  const auto opened = OpenManifest(*manifest, vault.read);
  NS_CHECK(opened.ok() || absl::IsPermissionDenied(opened.status()));
  if (!opened.ok()) return;
  NS_CHECK(opened->root == root);
  NS_CHECK(opened->sealed.agent_version() == "test");
  NS_CHECK(manifest->clear.set() == clear.set());
  NS_CHECK(manifest->clear.chain_counter() == clear.chain_counter());
  // One bit of it, anywhere, and the host did not sign it.
  Manifest changed = *manifest;
  changed.signature.bytes[clear.chain_counter() % Signature::kSize] ^=
      std::byte{1};
  NS_CHECK(
      absl::IsPermissionDenied(OpenManifest(changed, vault.read).status()));
  const uint64_t rounded = RoundedCount(clear.rounded_entries());
  NS_CHECK(rounded <= clear.rounded_entries() &&
           RoundedCount(rounded) == rounded);
}

ManifestClear PlainClear(const Vault& vault) {
  ManifestClear clear;
  clear.set_vault_id(vault.host.certificate.vault_id());
  clear.set_host("web1");
  clear.set_set("files");
  *clear.mutable_certificate() = vault.host.certificate;
  clear.set_chain_counter(1);
  clear.set_opening_key_id(vault.host.certificate.opening_key_id());
  clear.set_session(std::string(16, 's'));
  return clear;
}

// Plaintext of the sealed part from the input, or what stands in its place.
void CheckSealed(const Vault& vault, FuzzInput& input) {
  const bool seal = input.Flag();
  std::string object = EncodeObjectHeader(ObjectKind::kManifest, {ObjectId{}});
  PutLengthPrefixed(AsBytes(PlainClear(vault).SerializeAsString()), object);
  std::string box = input.RestText();
  if (seal) {
    box = SealTo(vault.host.opening_public_key, "nightsafe manifest v1",
                 AsBytes(object), AsBytes(box))
              .value();
  }
  PutLengthPrefixed(AsBytes(box), object);
  const Signature signature = vault.host.signing_key.Sign(
      "nightsafe manifest signature v1", AsBytes(object));
  AppendBytes(signature.view(), object);
  const auto manifest = ParseManifest(AsBytes(object));
  if (!manifest.ok()) return;
  const auto opened = OpenManifest(*manifest, vault.read);
  if (!opened.ok()) {
    NS_CHECK(absl::IsDataLoss(opened.status()) ||
             absl::IsPermissionDenied(opened.status()));
    return;
  }
  NS_CHECK(seal && opened->root.plain_length <= kMaxPlainBytes);
  NS_CHECK(opened->root.key.text() == opened->sealed.root_key());
  auto other_key = vault.keyring.DeriveReadKey();
  other_key.verify_keys.clear();
  NS_CHECK(absl::IsNotFound(OpenManifest(*manifest, other_key).status()));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  InitCrypto();
  // Not a line for each text that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  static const Vault& vault = *new Vault;
  FuzzInput input(data, size);
  switch (input.Below(3)) {
    case 0:
      CheckAny(input.Rest());
      break;
    case 1:
      CheckSigned(vault, input);
      break;
    default:
      CheckSealed(vault, input);
  }
  return 0;
}
