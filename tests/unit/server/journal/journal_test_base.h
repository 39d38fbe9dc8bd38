// A journal in a directory of its own, and what can be read from it.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/io/durable_file.h"
#include "server/journal/journal_writer.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"

namespace nightsafe {

inline absl::Status IgnoreRecord(ByteView, const JournalPosition&) {
  return absl::OkStatus();
}

class JournalTest : public testing::Test {
 protected:
  using Records = std::vector<std::string>;

  struct Read {
    absl::Status status;
    Records records;
    JournalContents contents;
  };

  static JournalIdentity Identity() {
    JournalOwner owner;
    owner.bytes.fill(std::byte{7});
    return {.kind = JournalKind::kVault, .owner = owner};
  }
  std::string Dir() const { return directory_.Path("journal"); }
  std::string SegmentPath(uint32_t number) const {
    return absl::StrCat(Dir(), "/", SegmentFileName(number));
  }

  absl::Status Create(const Records& records) {
    return CreateJournal(fs_, Dir(), Identity(), options_, records);
  }
  absl::StatusOr<std::unique_ptr<JournalWriter>> Open() {
    return JournalWriter::Open(fs_, Dir(), Identity(), options_, IgnoreRecord);
  }
  std::unique_ptr<JournalWriter> MustOpen() {
    auto writer = Open();
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }
  Read ReadAll() { return ReadFrom(Dir(), Identity()); }
  Read ReadFrom(const std::string& path, const JournalIdentity& identity) {
    Read read;
    auto contents =
        ReadJournal(*posix_, path, identity,
                    [&read](ByteView record, const JournalPosition& end) {
                      read.records.emplace_back(AsText(record));
                      EXPECT_EQ(end.sequence, read.records.size());
                      return absl::OkStatus();
                    });
    read.status = contents.status();
    if (contents.ok()) read.contents = *contents;
    return read;
  }

  std::string Bytes(uint32_t segment) {
    return ReadWholeFile(*posix_, SegmentPath(segment), kMaxSegmentBytes)
        .value();
  }
  void SetBytes(uint32_t segment, const std::string& bytes) {
    std::ofstream file(SegmentPath(segment), std::ios::binary);
    file << bytes;
    ASSERT_TRUE(file.flush().good());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> posix_ = NewPosixFileSystem();
  FaultyFileSystem fs_{*posix_};
  JournalOptions options_{.allocation_bytes = 4096, .segment_bytes = 16384};
};

}  // namespace nightsafe
