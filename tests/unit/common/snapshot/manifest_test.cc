#include "common/snapshot/manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

using v1::format::ManifestClear;
using v1::format::ManifestSealed;

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() : keyring_((InitCrypto(), Keyring::Create())) {
    root_.id.bytes[0] = std::byte{0x11};
    root_.key.bytes[0] = std::byte{0x22};
    root_.plain_length = 333;
    clear_.set_set("files");
    clear_.set_chain_counter(1);
    clear_.set_session(std::string(16, 's'));
    sealed_.set_agent_version("0.1.0");
    sealed_.add_roots("/etc");
  }

  std::string Object() const {
    return SealManifest(key_, clear_, sealed_, root_).value();
  }
  absl::Status Verify(const std::string& object) const {
    absl::StatusOr<Manifest> manifest = ParseManifest(AsBytes(object));
    if (!manifest.ok()) return manifest.status();
    return VerifyManifest(*manifest, keyring_.vault_id(), keyring_.verify_key(),
                          KeyIdOf(keyring_.opening_public_key()));
  }
  // With a clear part as `change` leaves it, rightly signed.
  absl::StatusCode VerifyChanged(
      const std::function<void(ManifestClear&)>& change) const {
    ManifestClear clear = clear_;
    change(clear);
    return Verify(SealManifest(key_, clear, sealed_, root_).value()).code();
  }
  // The same for fields that SealManifest fills in itself.
  absl::StatusCode VerifyResigned(
      const std::function<void(ManifestClear&)>& change) const {
    const Manifest manifest = ParseManifest(AsBytes(Object())).value();
    ManifestClear clear = manifest.clear;
    change(clear);
    std::string object =
        EncodeObjectHeader(ObjectKind::kManifest, {manifest.root});
    PutLengthPrefixed(AsBytes(clear.SerializeAsString()), object);
    PutLengthPrefixed(AsBytes(manifest.sealed_bytes), object);
    AppendBytes(key_.signing_key
                    .Sign("nightsafe manifest signature v1", AsBytes(object))
                    .view(),
                object);
    return Verify(object).code();
  }

  const Keyring keyring_;
  const ReadKey read_key_ = keyring_.DeriveReadKey();
  const DepositKey key_ =
      MintDepositKey(keyring_.DeriveEnrolKey(), "web1", 1, "web1", 1);
  ObjectRef root_;
  ManifestClear clear_;
  ManifestSealed sealed_;
};

TEST_F(ManifestTest, OpensWhatWasSealed) {
  const std::string object = Object();
  const Manifest manifest = ParseManifest(AsBytes(object)).value();
  EXPECT_EQ(manifest.object, object);
  EXPECT_EQ(ManifestObjectId(manifest.id), ObjectIdOf(AsBytes(object)));
  EXPECT_EQ(manifest.root, root_.id);
  EXPECT_EQ(manifest.clear.host(), "web1");
  EXPECT_EQ(manifest.clear.set(), "files");
  EXPECT_EQ(manifest.clear.vault_id(), keyring_.vault_id().text());
  ASSERT_TRUE(Verify(object).ok()) << Verify(object);
  absl::StatusOr<OpenedManifest> opened = OpenManifest(manifest, read_key_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->root, root_);
  EXPECT_EQ(opened->sealed.agent_version(), "0.1.0");
  ASSERT_EQ(opened->sealed.roots_size(), 1);
  EXPECT_EQ(opened->sealed.roots(0), "/etc");
}

TEST_F(ManifestTest, ParsesTheSameFromPiecesOfAnObject) {
  const std::string object = Object();
  EXPECT_EQ(ParseObject(AsBytes(object))->kind, ObjectKind::kManifest);
  EXPECT_EQ(ParseObject(AsBytes(object))->ref(0), root_.id);
}

TEST_F(ManifestTest, EveryTruncationIsRefused) {
  const std::string object = Object();
  for (size_t length = 0; length < object.size(); ++length) {
    EXPECT_EQ(ParseManifest(AsBytes(object).first(length)).status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ParseManifest(AsBytes(object + "x")).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ManifestTest, EveryFlippedBitIsRefused) {
  const std::string object = Object();
  for (size_t bit = 0; bit < 8 * object.size(); ++bit) {
    std::string changed = object;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    const absl::StatusCode code = Verify(changed).code();
    EXPECT_TRUE(code == absl::StatusCode::kDataLoss ||
                code == absl::StatusCode::kPermissionDenied)
        << "bit " << bit << ": " << code;
  }
}

TEST_F(ManifestTest, SealedPartIsBoundToTheRest) {
  // The sealed part of one manifest under the clear part of another, signed by
  // the host's own key.
  const Manifest other = ParseManifest(AsBytes(Object())).value();
  clear_.set_set("other");
  Manifest mixed = ParseManifest(AsBytes(Object())).value();
  std::string object = EncodeObjectHeader(ObjectKind::kManifest, {mixed.root});
  PutLengthPrefixed(AsBytes(mixed.clear_bytes), object);
  PutLengthPrefixed(AsBytes(other.sealed_bytes), object);
  AppendBytes(
      key_.signing_key.Sign("nightsafe manifest signature v1", AsBytes(object))
          .view(),
      object);
  ASSERT_TRUE(Verify(object).ok());
  mixed = ParseManifest(AsBytes(object)).value();
  EXPECT_EQ(OpenManifest(mixed, read_key_).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ManifestTest, ChainRuleIsKept) {
  const auto with = [&](uint64_t counter, size_t previous_bytes) {
    return VerifyChanged([&](ManifestClear& clear) {
      clear.set_chain_counter(counter);
      clear.set_previous_manifest(std::string(previous_bytes, 'p'));
    });
  };
  EXPECT_EQ(with(1, 0), absl::StatusCode::kOk);
  EXPECT_EQ(with(2, 32), absl::StatusCode::kOk);
  EXPECT_EQ(with(0, 0), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(with(1, 32), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(with(2, 0), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(with(2, 31), absl::StatusCode::kPermissionDenied);
}

TEST_F(ManifestTest, NamesAndLengthsAreChecked) {
  const std::vector<std::function<void(ManifestClear&)>> bad = {
      [](ManifestClear& c) { c.set_set(""); },
      [](ManifestClear& c) { c.set_set("../x"); },
      [](ManifestClear& c) { c.set_keyed_name("wal"); },
      [](ManifestClear& c) { c.set_content_id(std::string(32, 'c')); },
      [](ManifestClear& c) {
        c.set_keyed_name("a/b");
        c.set_content_id(std::string(32, 'c'));
      },
      [](ManifestClear& c) { c.set_session("short"); },
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(VerifyChanged(bad[i]), absl::StatusCode::kPermissionDenied) << i;
  }
  EXPECT_EQ(VerifyChanged([](ManifestClear& c) {
              c.set_keyed_name("000000010000000A000000FF");
              c.set_content_id(std::string(32, 'c'));
            }),
            absl::StatusCode::kOk);
}

TEST_F(ManifestTest, OriginIsThatOfTheCertificate) {
  EXPECT_EQ(VerifyResigned([](ManifestClear&) {}), absl::StatusCode::kOk);
  const std::vector<std::function<void(ManifestClear&)>> bad = {
      [](ManifestClear& c) { c.set_host("web2"); },
      [](ManifestClear& c) { c.set_vault_id(std::string(32, 'v')); },
      [](ManifestClear& c) { c.set_opening_key_id(std::string(32, 'o')); },
      [](ManifestClear& c) { c.clear_certificate(); },
      [](ManifestClear& c) {
        c.set_host("web2");
        c.mutable_certificate()->set_host("web2");
      },
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(VerifyResigned(bad[i]), absl::StatusCode::kPermissionDenied) << i;
  }
}

TEST_F(ManifestTest, KeysOfAnotherVaultAreRefused) {
  const Keyring other = Keyring::Create();
  const std::string object = Object();
  const Manifest manifest = ParseManifest(AsBytes(object)).value();
  EXPECT_EQ(VerifyManifest(manifest, other.vault_id(), other.verify_key(),
                           KeyIdOf(other.opening_public_key()))
                .code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(VerifyManifest(manifest, keyring_.vault_id(), keyring_.verify_key(),
                           KeyIdOf(other.opening_public_key()))
                .code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(OpenManifest(manifest, other.DeriveReadKey()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ManifestTest, SizeIsLimited) {
  sealed_.add_roots(std::string(kMaxManifestBytes, 'r'));
  EXPECT_EQ(SealManifest(key_, clear_, sealed_, root_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ManifestTest, TextThatIsNotUtf8IsRefused) {
  EXPECT_EQ(VerifyChanged([](ManifestClear& c) { c.set_set("\xff"); }),
            absl::StatusCode::kDataLoss);
}

TEST(RoundedCount, KeepsTwoBinaryDigits) {
  for (const auto& [value, rounded] : {std::pair<uint64_t, uint64_t>{0, 0},
                                       {1, 1},
                                       {3, 3},
                                       {4, 4},
                                       {5, 4},
                                       {7, 6},
                                       {1000, 768},
                                       {~uint64_t{0}, uint64_t{3} << 62}}) {
    EXPECT_EQ(RoundedCount(value), rounded) << value;
  }
}

}  // namespace
}  // namespace nightsafe
