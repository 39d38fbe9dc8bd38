#include "common/tree/entry.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "common/base/limits.h"

namespace nightsafe {
namespace {

using v1::format::Entry;

Entry OfType(v1::format::EntryType type) {
  Entry entry;
  entry.set_name("n");
  entry.set_type(type);
  if (type == v1::format::SYMLINK) entry.set_symlink_target("target");
  return entry;
}

void AddXattr(Entry& entry, const std::string& name, size_t length = 1) {
  v1::format::Xattr* xattr = entry.add_xattrs();
  xattr->set_name(name);
  xattr->set_value(std::string(length, 'v'));
}

TEST(Entry, EveryTypeIsAccepted) {
  for (int type = v1::format::REGULAR; type <= v1::format::SOCKET; ++type) {
    const auto status =
        CheckEntry(OfType(static_cast<v1::format::EntryType>(type)));
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(Entry, FullEntriesAreAccepted) {
  Entry file = OfType(v1::format::REGULAR);
  file.set_mode(07777);
  file.set_size_bytes(~uint64_t{0} >> 1);
  file.set_mtime_seconds(-5);
  file.set_mtime_nanoseconds(999999999);
  file.set_user_name("root");
  file.set_link_group(7);
  AddXattr(file, "security.capability");
  AddXattr(file, "user.x", 64 << 10);
  EXPECT_TRUE(CheckEntry(file).ok());
  Entry device = OfType(v1::format::BLOCK_DEVICE);
  device.set_rdev_major(8);
  EXPECT_TRUE(CheckEntry(device).ok());
  Entry link = OfType(v1::format::SYMLINK);
  link.clear_symlink_target();
  link.set_unreadable(true);
  EXPECT_TRUE(CheckEntry(link).ok());
  Entry root = OfType(v1::format::DIRECTORY);
  root.clear_name();
  root.set_implied(true);
  EXPECT_TRUE(CheckEntry(root).ok());
}

TEST(Entry, RefusesFieldsThatItsTypeDoesNotHave) {
  using Change = std::function<void(Entry&)>;
  const std::vector<std::pair<v1::format::EntryType, Change>> bad = {
      {v1::format::REGULAR, [](Entry& e) { e.clear_type(); }},
      {v1::format::REGULAR,
       [](Entry& e) { e.set_type(static_cast<v1::format::EntryType>(8)); }},
      {v1::format::REGULAR, [](Entry& e) { e.set_mode(010000); }},
      {v1::format::REGULAR,
       [](Entry& e) { e.set_mtime_nanoseconds(1000000000); }},
      {v1::format::REGULAR,
       [](Entry& e) { e.set_size_bytes(uint64_t{1} << 63); }},
      {v1::format::REGULAR, [](Entry& e) { e.set_symlink_target("t"); }},
      {v1::format::REGULAR, [](Entry& e) { e.set_rdev_minor(1); }},
      {v1::format::REGULAR, [](Entry& e) { e.set_implied(true); }},
      {v1::format::REGULAR, [](Entry& e) { e.clear_name(); }},
      {v1::format::REGULAR,
       [](Entry& e) { e.set_user_name(std::string(256, 'u')); }},
      {v1::format::REGULAR,
       [](Entry& e) { e.set_group_name(std::string(1, '\0')); }},
      {v1::format::DIRECTORY, [](Entry& e) { e.set_size_bytes(1); }},
      {v1::format::DIRECTORY, [](Entry& e) { e.set_link_group(1); }},
      {v1::format::SYMLINK, [](Entry& e) { e.clear_symlink_target(); }},
      {v1::format::SYMLINK,
       [](Entry& e) { e.set_symlink_target(std::string("a\0b", 3)); }},
      {v1::format::SYMLINK,
       [](Entry& e) {
         e.set_symlink_target(std::string(kMaxSymlinkBytes, 't'));
       }},
      {v1::format::REGULAR, [](Entry& e) { AddXattr(e, ""); }},
      {v1::format::REGULAR,
       [](Entry& e) { AddXattr(e, std::string(256, 'x')); }},
      {v1::format::REGULAR,
       [](Entry& e) { AddXattr(e, std::string("a\0", 2)); }},
      {v1::format::REGULAR,
       [](Entry& e) { AddXattr(e, "user.x", (64 << 10) + 1); }},
      {v1::format::REGULAR,
       [](Entry& e) {
         AddXattr(e, "user.b");
         AddXattr(e, "user.a");
       }},
      {v1::format::REGULAR,
       [](Entry& e) {
         AddXattr(e, "user.a");
         AddXattr(e, "user.a");
       }},
      {v1::format::REGULAR,
       [](Entry& e) {
         for (char c = 'a'; c < 'f'; ++c) {
           AddXattr(e, std::string(1, c), 64 << 10);
         }
       }},
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    Entry entry = OfType(bad[i].first);
    bad[i].second(entry);
    EXPECT_EQ(CheckEntry(entry).code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST(Extent, LiesWithinItsObject) {
  const ObjectRef object{.plain_length = 100};
  const auto check = [&](uint32_t offset, uint64_t length) {
    return CheckExtent({.object = object, .offset = offset, .length = length})
        .ok();
  };
  EXPECT_TRUE(check(0, 100));
  EXPECT_TRUE(check(99, 1));
  EXPECT_FALSE(check(0, 0));
  EXPECT_FALSE(check(1, 100));
  EXPECT_FALSE(check(100, 1));
  EXPECT_FALSE(check(~0u, 1));
  EXPECT_FALSE(check(1, ~uint64_t{0}));
  EXPECT_TRUE(CheckExtent({.hole = true, .length = 1}).ok());
  EXPECT_FALSE(CheckExtent({.hole = true, .offset = 1, .length = 1}).ok());
  EXPECT_FALSE(CheckExtent({.hole = true, .object = object, .length = 1}).ok());
  EXPECT_FALSE(
      CheckExtent({.object = {.plain_length = kMaxPlainBytes + 1}, .length = 1})
          .ok());
}

TEST(Extent, LengthsDoNotOverflow) {
  const uint64_t most = ~uint64_t{0} >> 1;
  EXPECT_EQ(TotalLength({{.hole = true, .length = most}}).value(), most);
  EXPECT_FALSE(
      TotalLength({{.hole = true, .length = most}, {.hole = true, .length = 1}})
          .ok());
  EXPECT_FALSE(TotalLength({{.hole = true, .length = ~uint64_t{0}}}).ok());
}

}  // namespace
}  // namespace nightsafe
