// A snapshot in memory, a target, and what a restore brings back.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "client/restore/restore.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/client/restore/memory_snapshot.h"

namespace nightsafe {

using v1::format::Entry;

// What a restore must bring back of one path.
struct Found {
  std::string text;  // type, mode, owner, time, rdev, target, xattrs, content
  ino_t inode;
  uint64_t blocks;
};

inline std::string XattrsOf(const std::string& path) {
  std::string names(4096, '\0');
  ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
  names.resize(length < 0 ? 0 : static_cast<size_t>(length));
  std::map<std::string, std::string> values;
  for (size_t at = 0; at < names.size();) {
    std::string name = names.c_str() + at;
    at += name.size() + 1;
    std::string value(4096, '\0');
    ssize_t size =
        lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(size < 0 ? 0 : static_cast<size_t>(size));
    values[name] = value;
  }
  std::string text;
  for (const auto& [name, value] : values) text += name + "=" + value + ";";
  return text;
}

inline std::string ContentOf(const std::string& path, size_t size) {
  std::string content(size, '\0');
  int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  ssize_t length = pread(fd, content.data(), size, 0);
  close(fd);
  content.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return content;
}

inline Found Look(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return {"absent", 0, 0};
  std::string text =
      std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + ":" +
      std::to_string(info.st_gid) + " " + std::to_string(info.st_mtim.tv_sec) +
      "." + std::to_string(info.st_mtim.tv_nsec) + " " +
      std::to_string(info.st_rdev) + " " + XattrsOf(path);
  if (S_ISLNK(info.st_mode)) {
    std::string to(4096, '\0');
    ssize_t length = readlink(path.c_str(), to.data(), to.size());
    to.resize(length < 0 ? 0 : static_cast<size_t>(length));
    text += " -> " + to;
  }
  if (S_ISREG(info.st_mode)) {
    text += " " + ContentOf(path, static_cast<size_t>(info.st_size));
  }
  return {text, info.st_ino, static_cast<uint64_t>(info.st_blocks)};
}

class RestoreTest : public testing::Test {
 protected:
  RestoreTest()
      : target_(directory_.Path("target")),
        report_([this](const Problem& problem) {
          problems_.push_back(problem.path + ": " + problem.reason);
        }) {}

  Entry Plain(v1::format::EntryType type, uint32_t mode) {
    Entry entry = MakeEntry(type, mode);
    entry.set_uid(geteuid());
    entry.set_gid(getegid());
    entry.set_mtime_seconds(1'700'000'000);
    entry.set_mtime_nanoseconds(123'456'789);
    return entry;
  }
  void AddRoot() { snapshot_.Add("/", Plain(v1::format::DIRECTORY, 0755)); }
  void AddFile(const std::string& path, const std::string& content,
               size_t chunk_bytes = 1 << 20) {
    snapshot_.Add(path, Plain(v1::format::REGULAR, 0644), content, chunk_bytes);
  }

  absl::Status Restore(const OpenedManifest& manifest,
                       RestoreOptions options = {}) {
    ObjectSource objects(snapshot_.Fetch());
    auto root = TargetRoot::Open(target_, false);
    if (!root.ok()) return root.status();
    return RestoreSnapshot(objects, manifest, *root, options, report_, nullptr);
  }
  absl::Status Verify(const OpenedManifest& manifest) {
    VerifiedObjects nothing;
    return Verify(manifest, nothing);
  }
  absl::Status Verify(const OpenedManifest& manifest, VerifiedObjects& seen) {
    ObjectSource objects(snapshot_.Fetch());
    return VerifySnapshot(objects, manifest, {}, seen, report_, nullptr);
  }
  uint64_t Damaged() { return report_.count(Trouble::kDamaged); }

  TemporaryDirectory directory_;
  const std::string target_;
  MemorySnapshot snapshot_;
  std::vector<std::string> problems_;
  RestoreReport report_;
};

}  // namespace nightsafe
