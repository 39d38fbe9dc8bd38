#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>

#include "absl/strings/match.h"
#include "server/store/object_index.h"

namespace nightsafe {
namespace {

// The real file system, whose disk is full when a test says so.
class FullDiskEnv final : public rocksdb::EnvWrapper {
 public:
  explicit FullDiskEnv(const std::atomic<bool>& full)
      : EnvWrapper(rocksdb::Env::Default()), full_(full) {}
  const char* Name() const override { return "FullDiskEnv"; }

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* file,
                                  const rocksdb::EnvOptions& options) override {
    if (full_) return rocksdb::Status::NoSpace("create");
    rocksdb::Status status = target()->NewWritableFile(name, file, options);
    if (status.ok()) {
      *file = std::make_unique<LimitedFile>(full_, std::move(*file));
    }
    return status;
  }

 private:
  class LimitedFile final : public rocksdb::WritableFileWrapper {
   public:
    LimitedFile(const std::atomic<bool>& full,
                std::unique_ptr<rocksdb::WritableFile> file)
        : WritableFileWrapper(file.get()),
          full_(full),
          file_(std::move(file)) {}
    rocksdb::Status Append(const rocksdb::Slice& bytes) override {
      if (!full_) return file_->Append(bytes);
      // As a full disk does: a part of it is there.
      file_->Append(rocksdb::Slice(bytes.data(), bytes.size() / 2))
          .PermitUncheckedError();
      return rocksdb::Status::NoSpace("append");
    }
    rocksdb::Status Append(const rocksdb::Slice& bytes,
                           const rocksdb::DataVerificationInfo&) override {
      return Append(bytes);
    }

   private:
    const std::atomic<bool>& full_;
    const std::unique_ptr<rocksdb::WritableFile> file_;
  };

  const std::atomic<bool>& full_;
};

IndexBatch BatchOf(uint8_t number) {
  ObjectId id;
  id.bytes.fill(static_cast<std::byte>(number));
  IndexBatch batch;
  batch.objects = {{1, id, {.offset = number, .length = 100}}};
  batch.journal_records = number;
  return batch;
}

TEST(FullDisk, RefusesWritesUntilThereIsRoom) {
  std::string directory = testing::TempDir() + "/full.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::atomic<bool> full = false;
  const VaultId vault{};
  {
    auto index = ObjectIndex::Open(
        directory, [&] { return std::make_unique<FullDiskEnv>(full); });
    ASSERT_TRUE(index.ok()) << index.status();
    for (uint8_t round = 0; round < 3; ++round) {
      const uint8_t base = static_cast<uint8_t>(10 * round);
      full = false;
      for (uint8_t i = 1; i < 3; ++i) {
        const absl::Status status = (*index)->Write(
            vault, BatchOf(static_cast<uint8_t>(base + i)), /*sync=*/true);
        ASSERT_TRUE(status.ok()) << status;
      }
      full = true;
      for (uint8_t i = 3; i < 6; ++i) {
        const absl::Status status = (*index)->Write(
            vault, BatchOf(static_cast<uint8_t>(base + i)), /*sync=*/true);
        EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      }
      // Reads go on.
      const auto found = (*index)->Find(
          vault, 1, std::vector{BatchOf(base + 1).objects[0].id});
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_TRUE((*found)[0].has_value());
    }
    full = false;
    ASSERT_TRUE((*index)->Write(vault, BatchOf(99), /*sync=*/true).ok());
  }
  // All that was told to be durable is there after a start.
  auto index = ObjectIndex::Open(directory);
  ASSERT_TRUE(index.ok()) << index.status();
  for (const uint8_t number : std::vector<uint8_t>{1, 2, 11, 12, 21, 22, 99}) {
    const auto found =
        (*index)->Find(vault, 1, std::vector{BatchOf(number).objects[0].id});
    ASSERT_TRUE(found.ok() && (*found)[0].has_value()) << int{number};
    EXPECT_EQ((*found)[0]->offset, number);
  }
  EXPECT_EQ((*index)->State(vault)->journal_records, 99u);
  index->reset();
  // RocksDB's own log would end the process at its second lost line.
  EXPECT_FALSE(std::filesystem::exists(directory + "/LOG"));
  std::filesystem::remove_all(directory);
}

TEST(FullDisk, FirstWriteOfARunMayFindNoRoom) {
  std::string directory = testing::TempDir() + "/full.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::atomic<bool> full = false;
  for (uint8_t run = 1; run < 4; ++run) {
    auto index = ObjectIndex::Open(
        directory, [&] { return std::make_unique<FullDiskEnv>(full); });
    ASSERT_TRUE(index.ok()) << index.status();
    full = true;
    EXPECT_TRUE(absl::IsResourceExhausted(
        (*index)->Write(VaultId{}, BatchOf(run), /*sync=*/true)));
    full = false;
    ASSERT_TRUE((*index)->Write(VaultId{}, BatchOf(run), /*sync=*/true).ok());
    EXPECT_EQ((*index)->State(VaultId{})->journal_records, run);
  }
  std::filesystem::remove_all(directory);
}

TEST(FullDisk, StartSaysThatThereIsNoRoom) {
  std::string directory = testing::TempDir() + "/full.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  ASSERT_TRUE((*ObjectIndex::Open(directory))
                  ->Write(VaultId{}, BatchOf(1), /*sync=*/true)
                  .ok());
  const std::atomic<bool> full = true;
  const auto refused = ObjectIndex::Open(
      directory, [&] { return std::make_unique<FullDiskEnv>(full); });
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  EXPECT_FALSE(absl::StrContains(refused.status().message(), "rebuild"));
  const auto index = ObjectIndex::Open(directory);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ((*index)->State(VaultId{})->journal_records, 1u);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace nightsafe
