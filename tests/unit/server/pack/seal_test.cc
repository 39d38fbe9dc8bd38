#include "server/pack/seal.h"

#include "tests/unit/server/pack/pack_test_base.h"

namespace nightsafe {
namespace {

class SealTest : public PackTest {
 protected:
  Toc WriteAndTakeToc() {
    auto writer = MustCreate();
    EXPECT_TRUE(writer->Append(ObjectOf("an object")).ok());
    EXPECT_TRUE(writer->Append(ObjectOf("and another")).ok());
    EXPECT_TRUE(writer->Sync().ok());
    return writer->SyncedToc();
  }
  std::string SealedPath() const {
    return absl::StrCat(Sealed(), "/", PackFileName(identity_.pack));
  }
};

TEST_F(SealTest, MovesThePackBesideItsTable) {
  const Toc toc = WriteAndTakeToc();
  const SealedPack sealed = SealPack(fs_, Open(), Sealed(), toc).value();
  EXPECT_TRUE(fs_.List(Open())->empty());
  EXPECT_EQ(fs_.List(Sealed()).value(),
            (std::vector<std::string>{PackFileName(identity_.pack),
                                      TocFileName(identity_.pack)}));
  const SealedPack read =
      ReadToc(fs_, Sealed(), identity_.vault, identity_.pack).value();
  EXPECT_EQ(read.toc, toc);
  EXPECT_EQ(read.toc_hash, sealed.toc_hash);
  auto reader = PackReader::Open(fs_, SealedPath());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)
                ->ReadObject(toc.entries[1].offset, toc.entries[1].length)
                .value(),
            "and another");
}

TEST_F(SealTest, CanBeRepeatedAfterAFaultAtEveryCall) {
  bool reached_end = false;
  for (uint64_t k = 0; !reached_end; ++k) {
    ASSERT_LT(k, 100u);
    identity_.pack.bytes[0] = static_cast<std::byte>(k);
    const Toc toc = WriteAndTakeToc();
    fs_.FailMutatingCall(k, absl::UnavailableError("injected"),
                         /*sticky=*/true);
    reached_end = SealPack(fs_, Open(), Sealed(), toc).ok();
    fs_.Heal();
    auto again = SealPack(fs_, Open(), Sealed(), toc);
    ASSERT_TRUE(again.ok()) << k << again.status();
    EXPECT_EQ(again->toc, toc);
    EXPECT_TRUE(fs_.Stat(SealedPath()).ok());
  }
}

TEST_F(SealTest, TableOfAnInterruptedSealStands) {
  const Toc toc = WriteAndTakeToc();
  fs_.Inject({.status = absl::UnavailableError("cut"),
              .operation = FileOperation::kRename,
              .path_contains = ".pack"});
  ASSERT_FALSE(SealPack(fs_, Open(), Sealed(), toc).ok());
  Toc fewer = toc;
  fewer.entries.pop_back();
  fewer.pack_length = fewer.entries.back().end();
  EXPECT_EQ(SealPack(fs_, Open(), Sealed(), fewer)->toc, toc);
}

TEST_F(SealTest, PackShorterThanItsTableIsDataLoss) {
  const Toc toc = WriteAndTakeToc();
  SetBytes(Bytes().substr(0, toc.pack_length - 1));
  EXPECT_TRUE(absl::IsDataLoss(SealPack(fs_, Open(), Sealed(), toc).status()));
}

TEST_F(SealTest, ForeignOrDamagedTableIsDataLoss) {
  const Toc toc = WriteAndTakeToc();
  ASSERT_TRUE(SealPack(fs_, Open(), Sealed(), toc).ok());
  VaultId other = identity_.vault;
  other.bytes[0] = std::byte{9};
  EXPECT_TRUE(
      absl::IsDataLoss(ReadToc(fs_, Sealed(), other, toc.pack).status()));
  EXPECT_TRUE(
      absl::IsNotFound(ReadToc(fs_, Open(), toc.vault, toc.pack).status()));
}

}  // namespace
}  // namespace nightsafe
