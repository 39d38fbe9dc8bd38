// Any bytes as a manifest: what parses is put together again from its parts,
// and nothing is verified under a key that signed nothing.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/crypto/random.h"
#include "common/snapshot/clear_part.h"
#include "common/snapshot/manifest.h"
#include "google/protobuf/stubs/logging.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  InitCrypto();
  // Not a line for each text that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto manifest = ParseManifest(input);
  if (!manifest.ok()) return 0;
  NS_CHECK(size <= kMaxManifestBytes);
  std::string again =
      EncodeObjectHeader(ObjectKind::kManifest, {manifest->root});
  PutLengthPrefixed(AsBytes(manifest->clear_bytes), again);
  PutLengthPrefixed(AsBytes(manifest->sealed_bytes), again);
  AppendBytes(manifest->signature.view(), again);
  NS_CHECK(again == AsText(input) && again == manifest->object);
  VaultId vault;
  KeyId opening;
  if (const auto id = VaultId::FromBytes(AsBytes(manifest->clear.vault_id()));
      id.ok()) {
    vault = *id;
  }
  if (const auto id =
          KeyId::FromBytes(AsBytes(manifest->clear.opening_key_id()));
      id.ok()) {
    opening = *id;
  }
  // Whatever it says; the answer must only be an answer.
  const absl::Status clear = CheckClearPart(manifest->clear, vault, opening);
  NS_CHECK(clear.ok() || absl::IsPermissionDenied(clear));
  NS_CHECK(absl::IsPermissionDenied(
      VerifyManifest(*manifest, vault, VerifyKey{}, opening)));
  return 0;
}
