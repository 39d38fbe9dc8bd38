#include "common/object/object.h"

#include <gtest/gtest.h>

#include "common/base/cursor.h"
#include "common/base/limits.h"

namespace nightsafe {
namespace {

ObjectId Numbered(uint32_t number) {
  ObjectId id;
  for (size_t i = 0; i < 4; ++i) {
    id.bytes[i] = static_cast<std::byte>(number >> (8 * (3 - i)));
  }
  return id;
}

std::vector<ObjectId> Refs(uint32_t count) {
  std::vector<ObjectId> refs;
  for (uint32_t i = 0; i < count; ++i) refs.push_back(Numbered(i));
  return refs;
}

void ExpectRefused(const std::string& object) {
  EXPECT_EQ(ParseObject(AsBytes(object)).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(Object, ParsesWhatWasEncoded) {
  for (uint32_t count : {0u, 1u, 2u, uint32_t{kMaxObjectRefs}}) {
    const std::string header =
        EncodeObjectHeader(ObjectKind::kNode, Refs(count));
    const std::string object = header + "body";
    absl::StatusOr<ObjectView> view = ParseObject(AsBytes(object));
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->kind, ObjectKind::kNode);
    EXPECT_EQ(AsText(view->header), header);
    EXPECT_EQ(AsText(view->body), "body");
    ASSERT_EQ(view->ref_count(), count);
    for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(view->ref(i), Numbered(i));
  }
}

TEST(Object, RefusesEveryTruncatedHeader) {
  const std::string header = EncodeObjectHeader(ObjectKind::kNode, Refs(3));
  for (size_t length = 0; length < header.size(); ++length) {
    ExpectRefused(header.substr(0, length));
  }
}

TEST(Object, RefusesOtherMagicSuiteAndKind) {
  const std::string header = EncodeObjectHeader(ObjectKind::kNode, Refs(1));
  for (size_t bit = 0; bit < 8 * 3; ++bit) {
    std::string changed = header;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ExpectRefused(changed);
  }
  for (char kind : {'\0', '\x04', '\xff'}) {
    std::string changed = header;
    changed[3] = kind;
    ExpectRefused(changed);
  }
}

TEST(Object, ReferencesMustRise) {
  for (std::vector<ObjectId> refs :
       {std::vector{Numbered(1), Numbered(1)},
        std::vector{Numbered(2), Numbered(1)},
        std::vector{Numbered(0x7fffffff), Numbered(0x80000000), Numbered(3)}}) {
    ExpectRefused(EncodeObjectHeader(ObjectKind::kNode, refs));
  }
  EXPECT_TRUE(ParseObject(AsBytes(EncodeObjectHeader(
                              ObjectKind::kNode,
                              {Numbered(0x7fffffff), Numbered(0x80000000)})))
                  .ok());
}

TEST(Object, ReferenceCountFitsTheKind) {
  ExpectRefused(EncodeObjectHeader(ObjectKind::kData, Refs(1)));
  ExpectRefused(EncodeObjectHeader(ObjectKind::kManifest, Refs(0)));
  ExpectRefused(EncodeObjectHeader(ObjectKind::kManifest, Refs(2)));
  std::string many = EncodeObjectHeader(ObjectKind::kNode, {});
  many.resize(4);
  PutU32(kMaxObjectRefs + 1, many);
  many.resize(many.size() + (kMaxObjectRefs + 1) * ObjectId::kSize);
  ExpectRefused(many);
}

TEST(Object, RefusesWhatIsTooLong) {
  std::string object = EncodeObjectHeader(ObjectKind::kData, {});
  object.resize(kMaxObjectBytes);
  EXPECT_TRUE(ParseObject(AsBytes(object)).ok());
  object.push_back('\0');
  ExpectRefused(object);

  std::string manifest = EncodeObjectHeader(ObjectKind::kManifest, Refs(1));
  manifest.resize(kMaxManifestBytes);
  EXPECT_TRUE(ParseObject(AsBytes(manifest)).ok());
  manifest.push_back('\0');
  ExpectRefused(manifest);
}

}  // namespace
}  // namespace nightsafe
