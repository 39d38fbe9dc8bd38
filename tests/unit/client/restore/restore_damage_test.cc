#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "client/restore/restore.h"
#include "tests/unit/client/restore/restore_fixture.h"

namespace nightsafe {
namespace {

// Missing, flipped, exchanged and unreadable objects: the files concerned are
// named and absent, all others whole.
TEST_F(RestoreTest, NamesDamagedFilesAndRestoresTheRest) {
  AddRoot();
  for (int i = 0; i < 20; ++i) {
    AddFile("/f" + std::to_string(i),
            PseudoRandomBytes(1'000'000, 100u + static_cast<uint64_t>(i)),
            200'000);
  }
  OpenedManifest manifest = snapshot_.Finish();
  auto object_of = [&](int file, size_t chunk) {
    // 196,608-byte blocks are gathered to four, then the rest.
    std::string content =
        PseudoRandomBytes(1'000'000, 100u + static_cast<uint64_t>(file));
    (void)chunk;
    return snapshot_.SealData(content.substr(0, 262'144)).id;
  };
  snapshot_.objects().erase(object_of(3, 0));
  std::string& flipped = snapshot_.objects()[object_of(7, 0)];
  flipped[flipped.size() / 2] = static_cast<char>(flipped[100] ^ 1);
  snapshot_.objects()[object_of(8, 0)] = snapshot_.objects()[object_of(9, 0)];
  snapshot_.unreadable.insert(object_of(11, 0));
  ASSERT_TRUE(Restore(manifest).ok());
  EXPECT_EQ(Damaged(), 4u);
  for (int i = 0; i < 20; ++i) {
    std::string path = target_ + "/f" + std::to_string(i);
    if (i == 3 || i == 7 || i == 8 || i == 11) {
      EXPECT_EQ(Look(path).text, "absent") << i;
    } else {
      EXPECT_TRUE(ContentOf(path, 2'000'000) ==
                  PseudoRandomBytes(1'000'000, 100u + static_cast<uint64_t>(i)))
          << i;
    }
  }
  for (const char* name : {"/f3: ", "/f7: ", "/f8: ", "/f11: "}) {
    EXPECT_TRUE(std::any_of(
        problems_.begin(), problems_.end(),
        [&](const std::string& line) { return line.find(name) == 0; }))
        << name;
  }
}

TEST_F(RestoreTest, KeepsDamagedFilesIfToldTo) {
  AddRoot();
  std::string content = PseudoRandomBytes(524'288, 5);
  AddFile("/f", content, 262'144);
  OpenedManifest manifest = snapshot_.Finish();
  snapshot_.objects().erase(snapshot_.data()[0]);
  RestoreOptions options;
  options.writer.keep_damaged = true;
  ASSERT_TRUE(Restore(manifest, options).ok());
  EXPECT_EQ(Damaged(), 1u);
  EXPECT_TRUE(ContentOf(target_ + "/f", 1 << 20) ==
              std::string(262'144, '\0') + content.substr(262'144));
}

TEST_F(RestoreTest, PassesOverADamagedNode) {
  AddRoot();
  for (int i = 0; i < 5000; ++i) {
    AddFile("/f" + std::to_string(10000 + i), "content");
  }
  OpenedManifest manifest = snapshot_.Finish();
  ASSERT_GT(snapshot_.nodes().size(), 10u);
  snapshot_.objects().erase(snapshot_.nodes()[3]);
  snapshot_.objects()[snapshot_.nodes()[4]][50] ^= 1;
  ASSERT_TRUE(Restore(manifest).ok());
  EXPECT_EQ(Damaged(), 2u);
  EXPECT_LT(report_.files, 5000u);
  EXPECT_GT(report_.files, 2000u);
  EXPECT_EQ(ContentOf(target_ + "/f10000", 20), "content");
  EXPECT_EQ(ContentOf(target_ + "/f14999", 20), "content");
  EXPECT_NE(problems_.front().find("entries from here on"), std::string::npos);
}

TEST_F(RestoreTest, ADamagedRootIsSaidAndEnds) {
  AddRoot();
  AddFile("/a", "x");
  OpenedManifest manifest = snapshot_.Finish();
  snapshot_.objects().erase(manifest.root.id);
  ASSERT_TRUE(Restore(manifest).ok());
  EXPECT_EQ(Damaged(), 1u);
  EXPECT_EQ(report_.entries, 0u);
}

TEST_F(RestoreTest, FindsTotalsThatAreTooLarge) {
  AddRoot();
  AddFile("/a", "x");
  OpenedManifest manifest = snapshot_.Finish();
  manifest.sealed.mutable_statistics()->set_file_bytes(2);
  ASSERT_TRUE(Verify(manifest).ok());
  EXPECT_EQ(Damaged(), 1u);
  manifest.sealed.mutable_statistics()->set_file_bytes(1);
  manifest.sealed.mutable_statistics()->set_entries(3);
  ASSERT_TRUE(Restore(manifest).ok());
  EXPECT_EQ(Damaged(), 2u);
}

// Fewer than there are ends the walk: a small tree may unfold without end.
TEST_F(RestoreTest, StopsWhereTotalsAreTooSmall) {
  AddRoot();
  for (int i = 0; i < 100; ++i) AddFile("/f" + std::to_string(i), "content");
  OpenedManifest manifest = snapshot_.Finish();
  manifest.sealed.mutable_statistics()->set_entries(50);
  EXPECT_EQ(Verify(manifest).code(), absl::StatusCode::kDataLoss);
  EXPECT_LE(report_.entries, 50u);
}

TEST_F(RestoreTest, VerifyFetchesEachObjectOnceAndNamesAllFilesConcerned) {
  AddRoot();
  std::string shared = PseudoRandomBytes(1000, 9);
  for (int i = 0; i < 3000; ++i) AddFile("/same" + std::to_string(i), shared);
  std::string bulk;
  for (int i = 0; i < 40; ++i) {
    AddFile("/zbulk" + std::to_string(i),
            PseudoRandomBytes(1 << 20, static_cast<uint64_t>(i)));
  }
  AddFile("/zzlast", shared);
  OpenedManifest manifest = snapshot_.Finish();
  ASSERT_TRUE(Verify(manifest).ok());
  EXPECT_EQ(Damaged(), 0u);
  for (const ObjectId& id : snapshot_.data()) {
    EXPECT_EQ(snapshot_.fetched(id), 1u);
  }
  snapshot_.objects().erase(snapshot_.SealData(shared).id);
  ASSERT_TRUE(Verify(manifest).ok());
  EXPECT_EQ(Damaged(), 3001u);
}

TEST_F(RestoreTest, FurtherVerificationsFetchNothingAgainAndNameTheSame) {
  AddRoot();
  const std::string lost = PseudoRandomBytes(1000, 1);
  AddFile("/lost", lost);
  AddFile("/sound", "sound");
  OpenedManifest manifest = snapshot_.Finish();
  snapshot_.objects().erase(snapshot_.SealData(lost).id);
  VerifiedObjects seen;
  for (uint64_t i = 1; i <= 2; ++i) {
    ASSERT_TRUE(Verify(manifest, seen).ok());
    EXPECT_EQ(Damaged(), i);
    EXPECT_EQ(snapshot_.fetched(snapshot_.SealData("sound").id), 1u);
  }
}

TEST_F(RestoreTest, AFailedRequestEndsTheRestoreAndLeavesNoPartOfAFile) {
  AddRoot();
  AddFile("/a", PseudoRandomBytes(30 << 20, 3));
  OpenedManifest manifest = snapshot_.Finish();
  std::atomic<int> calls = 0;
  ObjectFetch fetch = snapshot_.Fetch();
  ObjectSource objects([&](const std::vector<ObjectId>& ids,
                           const ObjectTake& take) -> absl::Status {
    if (++calls > 6) return absl::UnavailableError("connection lost");
    return fetch(ids, take);
  });
  auto root = TargetRoot::Open(target_, false);
  ASSERT_TRUE(root.ok());
  absl::Status status =
      RestoreSnapshot(objects, manifest, *root, {}, report_, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Look(target_ + "/a").text, "absent");
}

TEST_F(RestoreTest, ObjectsOfAnotherKindAreRefused) {
  AddRoot();
  AddFile("/a", "x");
  OpenedManifest manifest = snapshot_.Finish();
  manifest.root = snapshot_.SealData("looks like a node");
  ASSERT_TRUE(Verify(manifest).ok());
  EXPECT_EQ(Damaged(), 1u);
}

}  // namespace
}  // namespace nightsafe
