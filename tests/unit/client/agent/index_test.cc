#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/agent/index_reader.h"
#include "client/agent/index_writer.h"
#include "client/agent/state.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"

namespace nightsafe {
namespace {

class IndexTest : public testing::Test {
 protected:
  static ObjectRef Object(uint8_t n, uint32_t plain_length) {
    ObjectRef ref;
    ref.id.bytes.fill(std::byte{n});
    ref.key.bytes.fill(static_cast<std::byte>(n + 100));
    ref.plain_length = plain_length;
    return ref;
  }
  static Fingerprint Print(uint8_t n) {
    Fingerprint fingerprint;
    fingerprint.bytes.fill(std::byte{n});
    return fingerprint;
  }
  static IndexedExtent Extent(uint8_t object, uint32_t offset, uint64_t length,
                              uint8_t print) {
    return {{false, Object(object, 100), offset, length}, Print(print)};
  }

  // Two directories, a hole, an object half dead (3) and two nodes.
  absl::Status Write(const std::string& path) {
    IndexWriter writer(*fs_, path, identity_, keys_);
    const FileStamp stamp{7, 60, 1, 2, 3, 4};
    writer.Add({"", "", "root", {}, 0, 0}, {});
    writer.Add({"/a", "x", "entry x", stamp, 1000, 9}, {Extent(1, 0, 60, 1)});
    writer.Add({"/a", "y", "entry y", stamp, 1000, 0},
               {Extent(1, 60, 40, 2),
                {{true, {}, 0, 1 << 20}, {}},
                Extent(2, 0, 100, 3)});
    writer.Add({"/a/b", "z", "entry z", stamp, 0, 0}, {Extent(3, 10, 30, 4)});
    writer.AddNode(Object(11, 0).id);
    writer.AddNode(Object(12, 0).id);
    return writer.Finish(snapshot_);
  }
  absl::StatusOr<std::unique_ptr<IndexReader>> Read(const std::string& path) {
    return IndexReader::Open(*fs_, path, identity_, keys_, snapshot_);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  const DomainKeys keys_ = TestDomainKeys();
  const IndexIdentity identity_ = RandomId<IndexIdentity>();
  const SnapshotId snapshot_ = RandomId<SnapshotId>();
};

TEST_F(IndexTest, GivesBackWhatWasWritten) {
  ASSERT_TRUE(Write(directory_.Path("index")).ok());
  const auto index = Read(directory_.Path("index"));
  ASSERT_TRUE(index.ok()) << index.status();
  IndexCursor cursor(**index);
  EXPECT_EQ(cursor.Find("", "")->entry.entry, "root");
  EXPECT_EQ(cursor.Find("/a", "w"), nullptr);
  const StoredEntry* y = cursor.Find("/a", "y");
  ASSERT_NE(y, nullptr);
  EXPECT_EQ(y->entry.entry, "entry y");
  EXPECT_EQ(y->entry.read_at, 1000);
  EXPECT_EQ(y->entry.stamp, (FileStamp{7, 60, 1, 2, 3, 4}));
  const auto extents = (*index)->Extents(*y);
  ASSERT_TRUE(extents.ok());
  ASSERT_EQ(extents->size(), 3u);
  EXPECT_EQ((*extents)[0].extent, Extent(1, 60, 40, 2).extent);
  EXPECT_TRUE((*extents)[1].extent.hole);
  EXPECT_EQ((*extents)[1].extent.length, 1u << 20);
  EXPECT_EQ((*extents)[2].fingerprint, Print(3));
  EXPECT_EQ(cursor.Find("/a/a", "q"), nullptr);
  EXPECT_EQ(cursor.Find("/a/b", "z")->entry.entry, "entry z");
  EXPECT_EQ(cursor.Find("/c", "z"), nullptr);
  EXPECT_EQ((*index)->Nodes().size(), 2u);
}

TEST_F(IndexTest, FindsFingerprintsOfUsableObjectsOnly) {
  ASSERT_TRUE(Write(directory_.Path("index")).ok());
  const auto index = Read(directory_.Path("index"));
  ASSERT_TRUE(index.ok());
  EXPECT_EQ((*index)->Find(Print(3), 0.5), Extent(2, 0, 100, 3).extent);
  EXPECT_EQ((*index)->Find(Print(9), 0), std::nullopt);
  EXPECT_EQ((*index)->Find(Print(4), 0.5), std::nullopt);  // 30 of 100 live
  EXPECT_TRUE((*index)->Find(Print(4), 0.25).has_value());
  (*index)->Exclude({Object(2, 0).id});
  EXPECT_EQ((*index)->Find(Print(3), 0), std::nullopt);
  IndexCursor cursor(**index);
  EXPECT_FALSE((*index)->Usable(*cursor.Find("/a", "y"), 0));
}

TEST_F(IndexTest, AnyChangedByteMakesItAbsent) {
  const std::string path = directory_.Path("index");
  ASSERT_TRUE(Write(path).ok());
  std::ifstream in(path, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(good.size(), 500u);
  const auto file = fs_->OpenForWrite(path);
  ASSERT_TRUE(file.ok());
  const auto put = [&file, &good](size_t i, char flip) {
    const std::string byte(1, static_cast<char>(good[i] ^ flip));
    ASSERT_TRUE((*file)->WriteAt(i, AsBytes(byte)).ok());
  };
  for (size_t i = 0; i < good.size(); ++i) {
    put(i, 0x10);
    ASSERT_TRUE(absl::IsDataLoss(Read(path).status())) << i;
    put(i, 0);
  }
  for (size_t length = good.size(); length-- > 0;) {
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(length)), 0);
    ASSERT_TRUE(absl::IsDataLoss(Read(path).status())) << length;
  }
  std::ofstream(path, std::ios::binary) << good;
  EXPECT_TRUE(Read(path).ok());
}

TEST_F(IndexTest, OfAnotherSnapshotOrIdentityOrKeyIsRefused) {
  const std::string path = directory_.Path("index");
  ASSERT_TRUE(Write(path).ok());
  EXPECT_FALSE(
      IndexReader::Open(*fs_, path, identity_, keys_, RandomId<SnapshotId>())
          .ok());
  EXPECT_FALSE(
      IndexReader::Open(*fs_, path, RandomId<IndexIdentity>(), keys_, snapshot_)
          .ok());
  EXPECT_FALSE(
      IndexReader::Open(*fs_, path, identity_, TestDomainKeys('x'), snapshot_)
          .ok());
  EXPECT_TRUE(absl::IsNotFound(Read(directory_.Path("none")).status()));
}

TEST_F(IndexTest, WhatTheDiskCannotReadCountsAsDamaged) {
  const std::string path = directory_.Path("index");
  ASSERT_TRUE(Write(path).ok());
  FaultyFileSystem faulty(*fs_);
  for (uint64_t k = 0;; ++k) {
    faulty.Inject({.status = absl::UnavailableError("Input/output error"),
                   .after = k,
                   .operation = FileOperation::kRead});
    const uint64_t before = faulty.calls(FileOperation::kRead);
    const auto index =
        IndexReader::Open(faulty, path, identity_, keys_, snapshot_);
    faulty.Heal();
    if (index.ok()) {
      EXPECT_EQ(faulty.calls(FileOperation::kRead) - before, k);
      EXPECT_GE(k, 3u);  // the body, its checksum, the view
      break;
    }
    EXPECT_TRUE(absl::IsDataLoss(index.status())) << index.status();
    EXPECT_NE(index.status().message().find("Input/output error"),
              absl::string_view::npos);
  }
}

TEST(SetState, RoundTripsAndNoticesEveryChangedByte) {
  SetState state;
  state.identity = RandomId<IndexIdentity>();
  state.head = RandomId<SnapshotId>();
  state.chain_counter = 5;
  state.restarted = true;
  state.received = absl::FromUnixNanos(123456789);
  state.figures = {1, 2, 3};
  state.index_name = "index-1";
  state.pending =
      PendingCommit{RandomId<SessionId>(), "manifest", "index-2", 6, {4, 5, 6}};
  const std::string bytes = EncodeSetState(state);
  const auto read = DecodeSetState(AsBytes(bytes));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(EncodeSetState(*read), bytes);
  EXPECT_EQ(read->pending->manifest, "manifest");
  EXPECT_EQ(read->head, state.head);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(DecodeSetState(AsBytes(bad)).status()));
  }
}

TEST(SetState, RefusesFlagsThatItDoesNotWrite) {
  const std::string good = EncodeSetState(SetState());
  const size_t restarted = 8 + 32 + 32 + 8;
  const size_t pending = good.size() - 32 - 1;
  for (size_t flag : {restarted, pending}) {
    std::string bytes = good.substr(0, good.size() - 32);
    ASSERT_EQ(bytes[flag], 0);
    bytes[flag] = 2;
    const Hash32 sum = HashOf(AsBytes(bytes));
    AppendBytes(sum, bytes);
    EXPECT_TRUE(absl::IsDataLoss(DecodeSetState(AsBytes(bytes)).status()));
  }
}

}  // namespace
}  // namespace nightsafe
