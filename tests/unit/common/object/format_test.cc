// The worked example of common/object/FORMAT.md and the frozen vectors: what
// was written once is opened for ever.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/crypto/aead.h"
#include "common/object/sealer.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/source_files.h"

namespace nightsafe {
namespace {

using Values = std::map<std::string, std::string>;

ObjectRef RefOf(const Values& values, const std::string& name) {
  ObjectRef ref;
  ref.id = ObjectId::FromBytes(AsBytes(values.at(name + " id"))).value();
  ref.key = MessageKey::FromBytes(AsBytes(values.at(name + " key"))).value();
  for (size_t i = 0; i < 4; ++i) {
    const auto byte =
        static_cast<uint8_t>(values.at(name + " plain length").at(i));
    ref.plain_length |= uint32_t{byte} << (8 * i);
  }
  return ref;
}

TEST(ObjectFormat, WorkedExample) {
  const Values values = ReadFormatExample("common/object/FORMAT.md");
  const DomainKeys keys(
      Secret32::FromBytes(AsBytes(values.at("domain secret"))).value());
  EXPECT_EQ(AsText(keys.message_key.view()), values.at("message key"));
  Sealer sealer(keys);
  const SealedObject object =
      sealer.Seal(ObjectKind::kData, {}, AsBytes(values.at("plaintext")))
          .value();
  EXPECT_EQ(object.bytes, values.at("object"));
  EXPECT_EQ(object.ref.key.text(), values.at("key"));
  EXPECT_EQ(object.ref.id.text(), values.at("id"));
  const ObjectView view = ParseObject(AsBytes(values.at("object"))).value();
  EXPECT_EQ(AsText(view.header), values.at("header"));
  EXPECT_EQ(OpenOnce(object.ref.key.bytes, view.header, view.body).value(),
            values.at("message"));
}

TEST(ObjectVectors, AreOpened) {
  const Values values = ReadHexFile("tests/vectors/object/values");
  const std::map<std::string, std::string> plaintexts = {
      {"plain", PseudoRandomBytes(300, 1)},
      {"compressed", CompressibleText(5000)},
      {"node", CompressibleText(300)},
      {"empty", ""},
  };
  Opener opener;
  for (const auto& [name, plain] : plaintexts) {
    absl::StatusOr<std::string> opened =
        opener.Open(AsBytes(values.at(name + " object")), RefOf(values, name));
    ASSERT_TRUE(opened.ok()) << name << ": " << opened.status();
    EXPECT_EQ(*opened, plain) << name;
  }
  const DomainKeys keys = TestDomainKeys();
  EXPECT_EQ(Sealer(keys)
                .Seal(ObjectKind::kData, {}, AsBytes(plaintexts.at("plain")))
                ->bytes,
            values.at("plain object"));
}

TEST(ObjectVectors, CompressedBytesAreThoseOfOlderBackups) {
  const Values values = ReadHexFile("tests/vectors/object/zstd_ids");
  const DomainKeys keys = TestDomainKeys();
  for (int level : {1, 3, 6, 9, 19}) {
    for (size_t length : {1000u, 600000u, 2000000u}) {
      const std::string name =
          absl::StrCat("level ", level, ", ", length, " bytes");
      Sealer sealer(keys, level);
      EXPECT_EQ(
          sealer.Seal(ObjectKind::kData, {}, AsBytes(CompressibleText(length)))
              ->ref.id.text(),
          values.at(name))
          << name
          << ": this libzstd compresses to other bytes than 1.5.4. Nothing "
             "breaks: all objects still open. But ids change, so data that "
             "older backups hold is sent and stored once more.";
    }
  }
}

}  // namespace
}  // namespace nightsafe
