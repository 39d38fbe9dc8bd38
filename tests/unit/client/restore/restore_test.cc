#include "client/restore/restore.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>

#include "client/restore/plan.h"
#include "tests/unit/client/restore/restore_fixture.h"

namespace nightsafe {
namespace {

// As root every kind of entry; otherwise what a user can make.
TEST_F(RestoreTest, BringsBackANastyTree) {
  const bool root = geteuid() == 0;
  std::map<std::string, std::string> expected;
  auto expect = [&](const std::string& path, const Entry& entry, mode_t format,
                    const std::string& rest, dev_t device = 0) {
    std::string xattrs;
    for (const auto& xattr : entry.xattrs()) {
      xattrs += xattr.name() + "=" + xattr.value() + ";";
    }
    expected[path] = std::to_string(format | entry.mode()) + " " +
                     std::to_string(entry.uid()) + ":" +
                     std::to_string(entry.gid()) + " " +
                     std::to_string(entry.mtime_seconds()) + "." +
                     std::to_string(entry.mtime_nanoseconds()) + " " +
                     std::to_string(device) + " " + xattrs + rest;
  };
  auto add = [&](const std::string& path, Entry entry, mode_t format,
                 const std::string& content) {
    snapshot_.Add(path, entry, content);
    expect(path, entry, format, S_ISREG(format) ? " " + content : "");
  };
  add("/", Plain(v1::format::DIRECTORY, 0755), S_IFDIR, "");
  Entry locked = Plain(v1::format::DIRECTORY, root ? 01000 : 0500);
  add("/locked", locked, S_IFDIR, "");
  add("/locked/in", Plain(v1::format::DIRECTORY, 0500), S_IFDIR, "");
  add("/locked/in/file", Plain(v1::format::REGULAR, 0400), S_IFREG, "deep");
  Entry old = Plain(v1::format::REGULAR, root ? 06755 : 0755);
  old.set_mtime_seconds(-5);
  old.set_mtime_nanoseconds(999'999'999);
  if (root) {
    old.set_uid(12345);
    old.set_gid(54321);
  }
  add("/setuid", old, S_IFREG, "program");
  add("/empty", Plain(v1::format::REGULAR, 0), S_IFREG, "");
  add("/new\nline \xff\xfe *?'\"", Plain(v1::format::REGULAR, 0644), S_IFREG,
      "odd");
  add("/" + std::string(255, 'n'), Plain(v1::format::REGULAR, 0644), S_IFREG,
      "long");
  add("/fifo", Plain(v1::format::FIFO, 0620), S_IFIFO, "");
  add("/socket", Plain(v1::format::SOCKET, 0755), S_IFSOCK, "");
  Entry link = Plain(v1::format::SYMLINK, 0777);
  link.set_symlink_target("../\xff/nowhere");
  snapshot_.Add("/link", link);
  expect("/link", link, S_IFLNK, " -> ../\xff/nowhere");
  Entry marked = Plain(v1::format::REGULAR, 0444);
  auto* xattr = marked.add_xattrs();
  xattr->set_name("user.nightsafe");
  xattr->set_value(std::string("v\0w", 3));
  std::string probe = directory_.Path("probe");
  close(open(probe.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (setxattr(probe.c_str(), "user.x", "y", 1, 0) == 0) {
    add("/marked", marked, S_IFREG, "xattr");
  }
  if (root) {
    Entry capable = Plain(v1::format::REGULAR, 0755);
    capable.set_uid(7);
    auto* cap = capable.add_xattrs();
    cap->set_name("security.capability");
    cap->set_value(
        std::string("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00"
                    "\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                    20));
    add("/capable", capable, S_IFREG, "ping");
    Entry device = Plain(v1::format::CHARACTER_DEVICE, 0666);
    device.set_rdev_major(1);
    device.set_rdev_minor(3);
    snapshot_.Add("/null", device);
    expect("/null", device, S_IFCHR, "", makedev(1, 3));
  }
  Entry linked = Plain(v1::format::REGULAR, 0640);
  linked.set_link_group(5);
  add("/hard1", linked, S_IFREG, "shared");
  add("/locked/in/hard2", linked, S_IFREG, "shared");
  std::string sparse = "start" + std::string(4 << 20, '\0') + "end";
  add("/sparse", Plain(v1::format::REGULAR, 0644), S_IFREG, sparse);
  std::string large = PseudoRandomBytes(20 << 20, 1);
  add("/large", Plain(v1::format::REGULAR, 0644), S_IFREG, large);

  absl::Status status = Restore(snapshot_.Finish());
  ASSERT_TRUE(status.ok()) << status;
  for (const std::string& problem : problems_) ADD_FAILURE() << problem;
  for (const auto& [path, text] : expected) {
    EXPECT_TRUE(Look(target_ + path).text == text)
        << path << "\n"
        << Look(target_ + path).text.substr(0, 200) << "\n"
        << text.substr(0, 200);
  }
  EXPECT_EQ(Look(target_ + "/hard1").inode,
            Look(target_ + "/locked/in/hard2").inode);
  EXPECT_LT(Look(target_ + "/sparse").blocks * 512, 1u << 20);
  EXPECT_EQ(report_.entries, expected.size());
  if (!root) chmod((target_ + "/locked/in").c_str(), 0700);
  if (!root) chmod((target_ + "/locked").c_str(), 0700);
}

TEST_F(RestoreTest, FetchesABundleOnceForAllItsFiles) {
  AddRoot();
  std::string bundle = PseudoRandomBytes(500'000, 2);
  ObjectRef ref = snapshot_.SealData(bundle);
  for (uint32_t i = 0; i < 5000; ++i) {
    Entry entry = Plain(v1::format::REGULAR, 0644);
    entry.set_size_bytes(100);
    FileExtent extent;
    extent.object = ref;
    extent.offset = i * 100;
    extent.length = 100;
    snapshot_.AddWithExtents("/f" + std::to_string(i), entry, {extent});
  }
  absl::Status status = Restore(snapshot_.Finish());
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(snapshot_.fetched(ref.id), 1u);
  EXPECT_EQ(ContentOf(target_ + "/f4321", 200), bundle.substr(432100, 100));
  EXPECT_EQ(report_.files, 5000u);
}

TEST_F(RestoreTest, APathComesWithItsAncestors) {
  AddRoot();
  Entry etc = Plain(v1::format::DIRECTORY, 0711);
  etc.set_implied(true);
  snapshot_.Add("/etc", etc);
  snapshot_.Add("/etc/ssh", Plain(v1::format::DIRECTORY, 0700));
  AddFile("/etc/ssh/key", "secret");
  AddFile("/etc/ssh.conf", "other");
  AddFile("/etc/passwd", "users");
  OpenedManifest manifest = snapshot_.Finish();
  ObjectSource objects(snapshot_.Fetch());
  auto plan = PlanRestore(objects, manifest, "/etc/ssh");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->totals.entries, 4u);
  EXPECT_EQ(plan->totals.file_bytes, 6u);
  RestoreOptions options;
  options.path = "/etc/ssh";
  ASSERT_TRUE(Restore(manifest, options).ok());
  EXPECT_EQ(ContentOf(target_ + "/etc/ssh/key", 10), "secret");
  EXPECT_EQ(Look(target_ + "/etc/passwd").text, "absent");
  EXPECT_EQ(Look(target_ + "/etc/ssh.conf").text, "absent");
  struct stat info = {};
  ASSERT_EQ(stat((target_ + "/etc").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0711u);
  EXPECT_EQ(info.st_mtim.tv_sec, 1'700'000'000);
}

TEST_F(RestoreTest, UnknownPathIsNotFound) {
  AddRoot();
  AddFile("/a", "x");
  RestoreOptions options;
  options.path = "/b";
  absl::Status status = Restore(snapshot_.Finish(), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find("/b"), std::string::npos);
}

}  // namespace
}  // namespace nightsafe
