#include "server/pack/pack_writer.h"

#include "tests/unit/server/pack/pack_test_base.h"

namespace nightsafe {
namespace {

using PackWriterTest = PackTest;

TEST_F(PackWriterTest, ObjectsAreReadableAtOnceAndSyncedOnSync) {
  auto writer = MustCreate();
  EXPECT_EQ(writer->synced_length(), 0u);
  const std::string object = "twelve bytes";
  const PackEntry entry = writer->Append(ObjectOf(object)).value();
  EXPECT_EQ(entry.offset, kPackHeaderBytes + kPackRecordHeaderBytes);
  auto reader = PackReader::Open(fs_, PackPath());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->ReadObject(entry.offset, entry.length).value(), object);
  EXPECT_TRUE(writer->dirty());
  EXPECT_TRUE(writer->SyncedToc().entries.empty());
  ASSERT_TRUE(writer->Sync().ok());
  EXPECT_FALSE(writer->dirty());
  EXPECT_EQ(writer->synced_length(), Bytes().size());
  EXPECT_EQ(writer->SyncedToc().entries, std::vector{entry});
}

TEST_F(PackWriterTest, NeverOpensAnExistingPack) {
  Write({"an object"});
  EXPECT_TRUE(absl::IsAlreadyExists(
      PackWriter::Create(fs_, Open(), identity_).status()));
  EXPECT_EQ(ScanAll().entries.size(), 1u);
}

TEST_F(PackWriterTest, RefusesObjectsOfWrongLengthWithoutHarm) {
  auto writer = MustCreate();
  EXPECT_TRUE(
      absl::IsInvalidArgument(writer->Append(ObjectOf("seven b")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      writer->Append(ObjectOf(std::string(kMaxObjectBytes + 1, 'x')))
          .status()));
  EXPECT_FALSE(writer->dead());
  EXPECT_TRUE(writer->Append(ObjectOf(std::string(kMaxObjectBytes, 'x'))).ok());
  EXPECT_EQ(ScanAll().entries.size(), 1u);
}

TEST_F(PackWriterTest, FailedWriteOrSyncEndsItAtTheSyncedLength) {
  for (FileOperation operation :
       {FileOperation::kWrite, FileOperation::kSync}) {
    identity_.pack.bytes[0] = static_cast<std::byte>(operation);
    auto writer = MustCreate();
    ASSERT_TRUE(writer->Append(ObjectOf("before the sync")).ok());
    ASSERT_TRUE(writer->Sync().ok());
    const uint64_t stands = writer->length();
    ASSERT_TRUE(writer->Append(ObjectOf("after the sync")).ok());
    fs_.Inject({.status = absl::ResourceExhaustedError("injected"),
                .operation = operation});
    const absl::Status append = writer->Append(ObjectOf("later on")).status();
    EXPECT_FALSE(append.ok() && writer->Sync().ok());
    EXPECT_TRUE(writer->dead());
    // The disk is well again; the pack is not.
    const uint64_t calls = fs_.mutating_calls();
    EXPECT_FALSE(writer->Append(ObjectOf("another one")).ok());
    EXPECT_FALSE(writer->Sync().ok());
    EXPECT_EQ(fs_.mutating_calls(), calls);
    EXPECT_EQ(writer->synced_length(), stands);
    const Toc toc = writer->SyncedToc();
    EXPECT_EQ(toc.pack_length, stands);
    EXPECT_EQ(toc.entries.size(), 1u);
    auto sealed = SealPack(fs_, Open(), Sealed(), toc);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    EXPECT_EQ(sealed->toc, toc);
  }
}

TEST_F(PackWriterTest, APackWithoutRoomForItsHeaderLeavesNoFile) {
  fs_.Inject({.status = absl::ResourceExhaustedError("injected"),
              .operation = FileOperation::kWrite});
  EXPECT_TRUE(absl::IsResourceExhausted(
      PackWriter::Create(fs_, Open(), identity_).status()));
  EXPECT_TRUE(fs_.List(Open())->empty());
}

TEST_F(PackWriterTest, UnsyncedNameIsDeadToo) {
  auto writer = MustCreate();
  ASSERT_TRUE(writer->Append(ObjectOf("an object")).ok());
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kSyncDirectory});
  EXPECT_TRUE(absl::IsUnavailable(writer->Sync()));
  EXPECT_EQ(writer->synced_length(), 0u);
  EXPECT_TRUE(writer->dead());
}

TEST_F(PackWriterTest, ReaderTellsMissingBytesFromUnreadableOnes) {
  const PackEntry entry = Write({"an object"}).at(0);
  auto reader = PackReader::Open(fs_, PackPath()).value();
  EXPECT_TRUE(absl::IsDataLoss(
      reader->ReadObject(entry.offset, entry.length + 1).status()));
  EXPECT_TRUE(absl::IsDataLoss(
      reader->ReadObject(UINT64_MAX - 3, entry.length).status()));
  EXPECT_TRUE(absl::IsDataLoss(reader->ReadObject(0, UINT32_MAX).status()));
  fs_.Inject({.status = absl::UnavailableError("EIO"),
              .operation = FileOperation::kRead});
  EXPECT_TRUE(absl::IsUnavailable(
      reader->ReadObject(entry.offset, entry.length).status()));
  EXPECT_TRUE(reader->ReadObject(entry.offset, entry.length).ok());
}

TEST_F(PackWriterTest, ADamagedPackHeaderCostsNoObject) {
  const PackEntry entry = Write({"an object"}).at(0);
  std::string bytes = Bytes();
  bytes[0] ^= 1;
  SetBytes(bytes);
  auto reader = PackReader::Open(fs_, PackPath()).value();
  EXPECT_EQ(reader->ReadObject(entry.offset, entry.length).value(),
            "an object");
}

}  // namespace
}  // namespace nightsafe
