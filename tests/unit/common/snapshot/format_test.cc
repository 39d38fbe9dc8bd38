// The worked example of common/snapshot/FORMAT.md and the frozen vector: what
// was sealed once is verified and opened for ever.
#include <gtest/gtest.h>

#include "common/base/cursor.h"
#include "common/crypto/random.h"
#include "common/snapshot/manifest.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

using Values = std::map<std::string, std::string>;

Secret32 SecretOf(const Values& values, const std::string& name) {
  return Secret32::FromBytes(AsBytes(values.at(name))).value();
}

// Verified and opened with the vault's keys in `values`.
void Open(const Values& values, Manifest& manifest, OpenedManifest& opened) {
  InitCrypto();
  const VerifyKey verify_key =
      SigningKey::FromSeed(SecretOf(values, "vault signing seed")).verify_key();
  ReadKey key;
  key.vault_id = VaultIdOf(verify_key);
  EXPECT_EQ(key.vault_id.text(), values.at("vault id"));
  key.verify_keys.push_back(verify_key);
  key.opening_keys.push_back(
      BoxKey::FromSecret(SecretOf(values, "opening secret")));
  absl::StatusOr<Manifest> parsed = ParseManifest(AsBytes(values.at("object")));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  manifest = *std::move(parsed);
  absl::StatusOr<OpenedManifest> result = OpenManifest(manifest, key);
  ASSERT_TRUE(result.ok()) << result.status();
  opened = *std::move(result);
  EXPECT_EQ(manifest.id.text(), values.at("snapshot id"));
  EXPECT_EQ(manifest.clear_bytes, values.at("clear"));
  EXPECT_EQ(manifest.sealed_bytes, values.at("sealed"));
  EXPECT_EQ(manifest.signature.text(), values.at("signature"));
  EXPECT_EQ(opened.root.id.text(), values.at("root id"));
  EXPECT_EQ(opened.root.key.text(), values.at("root key"));
  EXPECT_EQ(opened.root.plain_length,
            ByteCursor(AsBytes(values.at("root plain length"))).U32());
}

TEST(ManifestFormat, WorkedExample) {
  const Values values = ReadFormatExample("common/snapshot/FORMAT.md");
  Manifest manifest;
  OpenedManifest opened;
  ASSERT_NO_FATAL_FAILURE(Open(values, manifest, opened));
  EXPECT_EQ(manifest.clear.set(), "files");
  EXPECT_EQ(opened.sealed.statistics().entries(), 92000u);
  std::string object = values.at("header");
  PutLengthPrefixed(AsBytes(values.at("clear")), object);
  PutLengthPrefixed(AsBytes(values.at("sealed")), object);
  EXPECT_EQ(object + values.at("signature"), values.at("object"));
}

TEST(ManifestVectors, AKeyedSnapshot) {
  Manifest manifest;
  OpenedManifest opened;
  ASSERT_NO_FATAL_FAILURE(
      Open(ReadHexFile("tests/vectors/snapshot/values"), manifest, opened));
  EXPECT_EQ(manifest.clear.keyed_name(), "000000010000000A000000FF");
  EXPECT_EQ(manifest.clear.chain_counter(), 7u);
  ASSERT_EQ(opened.sealed.roots_size(), 1);
  EXPECT_EQ(opened.sealed.roots(0), "/");
}

}  // namespace
}  // namespace nightsafe
