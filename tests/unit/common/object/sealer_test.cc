#include "common/object/sealer.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/limits.h"
#include "common/crypto/aead.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

ObjectId Numbered(unsigned char number) {
  ObjectId id;
  id.bytes[0] = static_cast<std::byte>(number);
  return id;
}

class SealerTest : public testing::Test {
 protected:
  SealedObject Sealed(const std::string& plain) {
    return sealer_.Seal(ObjectKind::kData, {}, AsBytes(plain)).value();
  }
  // An object around any message, as a domain's member could make it.
  SealedObject SealedMessage(const std::string& header,
                             const std::string& message,
                             uint32_t plain_length) {
    SealedObject object;
    object.ref.plain_length = plain_length;
    object.ref.key = MessageKey::FromValidBytes(Blake3(keys_.message_key.view())
                                                    .Update(AsBytes(header))
                                                    .Update(AsBytes(message))
                                                    .Finish());
    object.bytes = header;
    SealOnce(object.ref.key.bytes, AsBytes(header), AsBytes(message),
             object.bytes);
    object.ref.id = ObjectIdOf(AsBytes(object.bytes));
    return object;
  }
  absl::StatusCode Opened(const std::string& bytes, const ObjectRef& ref) {
    return opener_.Open(AsBytes(bytes), ref).status().code();
  }

  const DomainKeys keys_ = TestDomainKeys();
  Sealer sealer_{keys_};
  Opener opener_;
};

TEST_F(SealerTest, OpensWhatWasSealed) {
  for (size_t length : {0u, 1u, 9u, 100u, 4096u, 300000u, 4u << 20}) {
    for (const std::string& plain :
         {CompressibleText(length), PseudoRandomBytes(length, length)}) {
      const SealedObject object = Sealed(plain);
      EXPECT_EQ(object.ref.plain_length, length);
      EXPECT_EQ(object.ref.id, ObjectIdOf(AsBytes(object.bytes)));
      absl::StatusOr<std::string> opened =
          opener_.Open(AsBytes(object.bytes), object.ref);
      ASSERT_TRUE(opened.ok()) << opened.status();
      EXPECT_TRUE(*opened == plain) << length;
    }
  }
}

TEST_F(SealerTest, NodesCarryTheirReferences) {
  const std::vector<ObjectId> refs = {Numbered(1), Numbered(2)};
  const SealedObject object =
      sealer_.Seal(ObjectKind::kNode, refs, AsBytes("plain")).value();
  const ObjectView view = ParseObject(AsBytes(object.bytes)).value();
  EXPECT_EQ(view.kind, ObjectKind::kNode);
  ASSERT_EQ(view.ref_count(), 2u);
  EXPECT_EQ(view.ref(1), refs[1]);
  EXPECT_EQ(opener_.Open(AsBytes(object.bytes), object.ref).value(), "plain");
  EXPECT_FALSE(
      sealer_.Seal(ObjectKind::kNode, {refs[1], refs[0]}, AsBytes("x")).ok());
  EXPECT_FALSE(
      sealer_.Seal(ObjectKind::kNode, {refs[0], refs[0]}, AsBytes("x")).ok());
}

TEST_F(SealerTest, IsAFunctionOfBytesAndLevel) {
  for (int level : {1, 3, 6, 9, 12}) {
    Sealer used(keys_, level);
    for (size_t length : {10000u, 700000u, 100u, 3u << 20}) {
      ASSERT_TRUE(used.Seal(ObjectKind::kData, {},
                            AsBytes(CompressibleText(length / 2)))
                      .ok());
      Sealer fresh(keys_, level);
      const std::string plain =
          CompressibleText(length) + PseudoRandomBytes(length, 1);
      EXPECT_EQ(used.Seal(ObjectKind::kData, {}, AsBytes(plain))->bytes,
                fresh.Seal(ObjectKind::kData, {}, AsBytes(plain))->bytes)
          << "level " << level << ", " << length << " bytes";
    }
  }
}

TEST_F(SealerTest, CompressesOnlyWhatSavesASixteenth) {
  EXPECT_LT(Sealed(CompressibleText(100000)).bytes.size(), 50000u);
  const std::string noise = PseudoRandomBytes(100000, 3);
  const auto stored =
      static_cast<size_t>(PaddedLength(kMessageHeaderBytes + noise.size()));
  EXPECT_EQ(Sealed(noise).bytes.size(), 8 + stored + kAeadTagBytes);
  // One 20th of zeroes would save something, but not enough.
  const std::string nearly = noise + std::string(noise.size() / 20, '\0');
  EXPECT_GT(Sealed(nearly).bytes.size(), nearly.size());
}

TEST_F(SealerTest, KeyCoversHeaderAndWholeMessage) {
  const std::string data = EncodeObjectHeader(ObjectKind::kData, {});
  const std::string message("\0\3\0\0\0\3\0\0\0abc", 12);
  std::set<std::string> keys;
  size_t variants = 0;
  const auto add = [&](const std::string& header, const std::string& text) {
    keys.insert(SealedMessage(header, text, 3).ref.key.Hex());
    ++variants;
  };
  add(data, message);
  for (size_t bit = 0; bit < 8 * message.size(); ++bit) {
    std::string changed = message;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    add(data, changed);
  }
  add(data, message + std::string(1, '\0'));
  add(EncodeObjectHeader(ObjectKind::kNode, {}), message);
  add(EncodeObjectHeader(ObjectKind::kNode, {Numbered(1)}), message);
  add(EncodeObjectHeader(ObjectKind::kNode, {Numbered(2)}), message);
  EXPECT_EQ(keys.size(), variants);
}

TEST_F(SealerTest, KeyAndIdDependOnTheDomain) {
  const DomainKeys other_keys = TestDomainKeys('o');
  Sealer other(other_keys);
  const SealedObject a = Sealed("plain");
  const SealedObject b =
      other.Seal(ObjectKind::kData, {}, AsBytes("plain")).value();
  EXPECT_NE(a.ref.key, b.ref.key);
  EXPECT_NE(a.ref.id, b.ref.id);
}

TEST_F(SealerTest, RefusesWhatIsTooLong) {
  EXPECT_EQ(sealer_
                .Seal(ObjectKind::kData, {},
                      AsBytes(std::string(kMaxPlainBytes + 1, '\0')))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sealer_
                .Seal(ObjectKind::kData, {},
                      AsBytes(PseudoRandomBytes(kMaxPlainBytes, 1)))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(sealer_
                  .Seal(ObjectKind::kData, {},
                        AsBytes(std::string(kMaxPlainBytes, '\0')))
                  .ok());
}

TEST_F(SealerTest, OpenRefusesEveryDamage) {
  const SealedObject object = Sealed(CompressibleText(40));
  for (size_t length = 0; length < object.bytes.size(); ++length) {
    const std::string cut = object.bytes.substr(0, length);
    EXPECT_EQ(Opened(cut, object.ref), absl::StatusCode::kDataLoss);
    // Also if the id is made to fit: the tag or a length must catch it.
    ObjectRef ref = object.ref;
    ref.id = ObjectIdOf(AsBytes(cut));
    EXPECT_EQ(Opened(cut, ref), absl::StatusCode::kDataLoss);
  }
  for (size_t bit = 0; bit < 8 * object.bytes.size(); ++bit) {
    std::string changed = object.bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(Opened(changed, object.ref), absl::StatusCode::kDataLoss);
    ObjectRef ref = object.ref;
    ref.id = ObjectIdOf(AsBytes(changed));
    EXPECT_EQ(Opened(changed, ref), absl::StatusCode::kDataLoss);
  }
}

TEST_F(SealerTest, OpenRefusesAWrongReference) {
  const SealedObject object = Sealed("plain");
  ObjectRef ref = object.ref;
  ref.key.bytes[0] ^= std::byte{1};
  EXPECT_EQ(Opened(object.bytes, ref), absl::StatusCode::kDataLoss);
  for (uint32_t length : {0u, 4u, 6u, uint32_t{kMaxPlainBytes} + 1, ~0u}) {
    ref = object.ref;
    ref.plain_length = length;
    EXPECT_EQ(Opened(object.bytes, ref), absl::StatusCode::kDataLoss);
  }
}

TEST_F(SealerTest, OpenRefusesHostileMessages) {
  const std::string header = EncodeObjectHeader(ObjectKind::kData, {});
  const std::string plain = CompressibleText(1000);
  std::string frame(Compressor::Bound(plain.size()), '\0');
  frame.resize(
      Compressor(1).Compress(AsBytes(plain), AsMutableBytes(frame)).value());
  const auto opened = [&](const std::string& payload, uint32_t plain_length) {
    std::string buffer(kMessageHeaderBytes, '\0');
    buffer += payload;
    buffer.resize(static_cast<size_t>(PaddedLength(buffer.size())));
    FrameMessage(MessageCodec::kZstd, plain_length,
                 static_cast<uint32_t>(payload.size()), AsMutableBytes(buffer));
    const SealedObject object = SealedMessage(header, buffer, plain_length);
    return Opened(object.bytes, object.ref);
  };
  EXPECT_EQ(opened(frame, 1000), absl::StatusCode::kOk);
  EXPECT_EQ(opened(frame, 999), absl::StatusCode::kDataLoss);
  EXPECT_EQ(opened(frame, 1001), absl::StatusCode::kDataLoss);
  EXPECT_EQ(opened(frame + frame, 2000), absl::StatusCode::kDataLoss);
  EXPECT_EQ(opened(frame + std::string(1, '\0'), 1000),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(opened("", 0), absl::StatusCode::kDataLoss);
  // A skippable frame of four bytes.
  const std::string skippable("\x50\x2a\x4d\x18\4\0\0\0skip", 12);
  EXPECT_EQ(opened(skippable, 0), absl::StatusCode::kDataLoss);
  EXPECT_EQ(opened(skippable + frame, 1000), absl::StatusCode::kDataLoss);
  EXPECT_EQ(opened(frame + skippable, 1000), absl::StatusCode::kDataLoss);
  for (size_t length = 0; length < frame.size(); ++length) {
    EXPECT_EQ(opened(frame.substr(0, length), 1000),
              absl::StatusCode::kDataLoss);
  }
}

TEST_F(SealerTest, OpenTakesNoManifest) {
  const SealedObject object =
      SealedMessage(EncodeObjectHeader(ObjectKind::kManifest, {Numbered(1)}),
                    std::string("\0\3\0\0\0\3\0\0\0abc", 12), 3);
  EXPECT_EQ(Opened(object.bytes, object.ref), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace nightsafe
