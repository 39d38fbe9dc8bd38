// A pack in a directory of its own.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/io/durable_file.h"
#include "server/pack/pack_reader.h"
#include "server/pack/pack_scan.h"
#include "server/pack/pack_writer.h"
#include "server/pack/seal.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"

namespace nightsafe {

class PackTest : public testing::Test {
 protected:
  struct Scan {
    absl::Status status;
    PackScan result;
    std::vector<PackEntry> entries;
    std::vector<std::string> objects;
  };

  void SetUp() override {
    for (const std::string& dir : {Open(), Sealed()}) {
      ASSERT_TRUE(posix_->MakeDirectory(dir, 0700).ok());
    }
    identity_.vault.bytes.fill(std::byte{1});
    identity_.pack.bytes.fill(std::byte{2});
    for (size_t i = 0; i < 16; ++i) {
      identity_.marker.bytes[i] = static_cast<std::byte>(0xf0 + i);
    }
  }
  std::string Open() const { return directory_.Path("open"); }
  std::string Sealed() const { return directory_.Path("sealed"); }
  std::string PackPath() const {
    return absl::StrCat(Open(), "/", PackFileName(identity_.pack));
  }
  std::unique_ptr<PackWriter> MustCreate() {
    auto writer = PackWriter::Create(fs_, Open(), identity_);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }
  static PackObject ObjectOf(const std::string& bytes) {
    return {.id = ObjectId::FromValidBytes(HashOf(AsBytes(bytes))),
            .kind = ObjectKind::kNode,
            .domain_number = 5,
            .writer = 6,
            .bytes = AsBytes(bytes)};
  }
  std::string Bytes() {
    return ReadWholeFile(*posix_, PackPath(), kMaxPackBytes).value();
  }
  void SetBytes(const std::string& bytes) {
    std::ofstream file(PackPath(), std::ios::binary);
    file << bytes;
    ASSERT_TRUE(file.flush().good());
  }
  Scan ScanAll(uint64_t from = 0, uint64_t limit = UINT64_MAX) {
    Scan scan;
    auto file = fs_.OpenForRead(PackPath()).value();
    auto result = ScanPack(*file, from, limit,
                           [&scan](const PackEntry& entry, ByteView object) {
                             scan.entries.push_back(entry);
                             scan.objects.emplace_back(AsText(object));
                             return absl::OkStatus();
                           });
    scan.status = result.status();
    if (result.ok()) scan.result = *std::move(result);
    return scan;
  }
  // Appends these, syncs.
  std::vector<PackEntry> Write(const std::vector<std::string>& objects) {
    auto writer = MustCreate();
    for (const std::string& object : objects) {
      EXPECT_TRUE(writer->Append(ObjectOf(object)).ok());
    }
    EXPECT_TRUE(writer->Sync().ok());
    return writer->entries();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> posix_ = NewPosixFileSystem();
  FaultyFileSystem fs_{*posix_};
  PackIdentity identity_;
};

}  // namespace nightsafe
