#include "server/store/object_index.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace nightsafe {
namespace {

template <typename IdType>
IdType MakeId(uint8_t seed) {
  IdType id;
  id.bytes.fill(static_cast<std::byte>(seed));
  return id;
}

ObjectLocation At(uint8_t pack, uint64_t offset) {
  return {.pack = MakeId<PackId>(pack),
          .offset = offset,
          .length = 77,
          .kind = ObjectKind::kNode,
          .closed_generation = 3};
}

class ObjectIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/index.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<ObjectIndex> Open() {
    auto index = ObjectIndex::Open(directory_);
    EXPECT_TRUE(index.ok()) << index.status();
    return std::move(index).value();
  }

  std::string directory_;
  const VaultId vault_ = MakeId<VaultId>(9);
};

TEST_F(ObjectIndexTest, KeepsLocationsAndState) {
  EXPECT_TRUE(ObjectIndex::IsAbsent(directory_));
  IndexBatch batch;
  batch.objects = {{1, MakeId<ObjectId>(1), At(5, 64)}};
  batch.indexed_lengths = {{MakeId<PackId>(5), 1234}};
  batch.journal_records = 42;
  ASSERT_TRUE(Open()->Write(vault_, batch, /*sync=*/true).ok());
  EXPECT_FALSE(ObjectIndex::IsAbsent(directory_));

  auto index = Open();
  const std::vector<ObjectId> ids = {MakeId<ObjectId>(2), MakeId<ObjectId>(1)};
  auto found = index->Find(vault_, 1, ids);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE((*found)[0].has_value());
  EXPECT_EQ((*found)[1], At(5, 64));
  auto state = index->State(vault_);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->journal_records, 42u);
  EXPECT_EQ(state->indexed_lengths.at(MakeId<PackId>(5)), 1234u);
}

TEST_F(ObjectIndexTest, DomainsAndVaultsDoNotMix) {
  auto index = Open();
  IndexBatch batch;
  batch.objects = {{256, MakeId<ObjectId>(1), At(5, 64)}};
  ASSERT_TRUE(index->Write(vault_, batch, true).ok());
  const std::vector<ObjectId> ids = {MakeId<ObjectId>(1)};
  EXPECT_FALSE((*index->Find(vault_, 1, ids))[0].has_value());
  EXPECT_FALSE((*index->Find(MakeId<VaultId>(8), 256, ids))[0].has_value());
  EXPECT_TRUE((*index->Find(vault_, 256, ids))[0].has_value());
}

TEST_F(ObjectIndexTest, ForEachGoesInOrderOfDomainAndId) {
  auto index = Open();
  IndexBatch batch;
  batch.objects = {{300, MakeId<ObjectId>(1), At(1, 1)},
                   {2, MakeId<ObjectId>(9), At(1, 2)},
                   {2, MakeId<ObjectId>(255), At(1, 3)}};
  ASSERT_TRUE(index->Write(vault_, batch, true).ok());
  ASSERT_TRUE(index->Write(MakeId<VaultId>(10), batch, true).ok());
  std::vector<std::pair<uint32_t, ObjectId>> seen;
  ASSERT_TRUE(index
                  ->ForEach(vault_,
                            [&](const IndexEntry& entry) {
                              seen.emplace_back(entry.domain_number, entry.id);
                              return absl::OkStatus();
                            })
                  .ok());
  const std::vector<std::pair<uint32_t, ObjectId>> expected = {
      {2, MakeId<ObjectId>(9)},
      {2, MakeId<ObjectId>(255)},
      {300, MakeId<ObjectId>(1)}};
  EXPECT_EQ(seen, expected);
}

TEST_F(ObjectIndexTest, EraseForgetsOneVault) {
  auto index = Open();
  IndexBatch batch;
  batch.objects = {{0xffffffff, MakeId<ObjectId>(255), At(1, 1)}};
  batch.indexed_lengths = {{MakeId<PackId>(255), 5}};
  batch.journal_records = 1;
  ASSERT_TRUE(index->Write(vault_, batch, true).ok());
  ASSERT_TRUE(index->Write(MakeId<VaultId>(10), batch, true).ok());
  ASSERT_TRUE(index->Erase(vault_).ok());
  const std::vector<ObjectId> ids = {MakeId<ObjectId>(255)};
  EXPECT_FALSE((*index->Find(vault_, 0xffffffff, ids))[0].has_value());
  EXPECT_EQ(index->State(vault_)->journal_records, 0u);
  EXPECT_TRUE(index->State(vault_)->indexed_lengths.empty());
  EXPECT_TRUE((*index->Find(MakeId<VaultId>(10), 0xffffffff, ids))[0]);
}

TEST_F(ObjectIndexTest, ErasesSingleObjects) {
  auto index = Open();
  IndexBatch batch;
  batch.objects = {{1, MakeId<ObjectId>(1), At(1, 1)},
                   {1, MakeId<ObjectId>(2), At(1, 2)}};
  ASSERT_TRUE(index->Write(vault_, batch, true).ok());
  batch.objects.clear();
  batch.erased = {{1, MakeId<ObjectId>(1)}};
  ASSERT_TRUE(index->Write(vault_, batch, true).ok());
  const std::vector<ObjectId> ids = {MakeId<ObjectId>(1), MakeId<ObjectId>(2)};
  auto found = index->Find(vault_, 1, ids);
  EXPECT_FALSE((*found)[0].has_value());
  EXPECT_EQ((*found)[1], At(1, 2));
}

// What an interrupted Destroy leaves is no database, and in nobody's way.
TEST_F(ObjectIndexTest, OpensWhereARemovalWasInterrupted) {
  IndexBatch batch;
  batch.journal_records = 1;
  ASSERT_TRUE(Open()->Write(vault_, batch, true).ok());
  std::filesystem::remove(directory_ + "/CURRENT");
  EXPECT_EQ(Open()->State(vault_)->journal_records, 0u);
}

TEST_F(ObjectIndexTest, DestroyedIsAbsent) {
  IndexBatch batch;
  batch.journal_records = 1;
  ASSERT_TRUE(Open()->Write(vault_, batch, true).ok());
  ASSERT_TRUE(ObjectIndex::Destroy(directory_).ok());
  EXPECT_TRUE(ObjectIndex::IsAbsent(directory_));
  EXPECT_EQ(Open()->State(vault_)->journal_records, 0u);
}

TEST_F(ObjectIndexTest, DamageNamesTheWayOut) {
  ASSERT_TRUE(Open()->Write(vault_, IndexBatch{}, true).ok());
  std::ofstream(directory_ + "/CURRENT") << "MANIFEST-999999\n";
  auto index = ObjectIndex::Open(directory_);
  ASSERT_TRUE(absl::IsFailedPrecondition(index.status())) << index.status();
  EXPECT_NE(index.status().message().find("nightsafed rebuild"),
            absl::string_view::npos);
}

TEST_F(ObjectIndexTest, InMemoryWritesNoFile) {
  auto index = ObjectIndex::OpenInMemory();
  ASSERT_TRUE(index.ok()) << index.status();
  IndexBatch batch;
  batch.objects = {{1, MakeId<ObjectId>(1), At(5, 64)}};
  ASSERT_TRUE((*index)->Write(vault_, batch, true).ok());
  const std::vector<ObjectId> ids = {MakeId<ObjectId>(1)};
  EXPECT_EQ((*(*index)->Find(vault_, 1, ids))[0], At(5, 64));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

}  // namespace
}  // namespace nightsafe
