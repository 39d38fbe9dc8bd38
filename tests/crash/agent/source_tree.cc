#include "tests/crash/agent/source_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

namespace fs = std::filesystem;
using v1::format::Entry;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

std::string XattrsOf(const std::string& path) {
  std::array<char, 1024> names{};
  const ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
  std::map<std::string, std::string> found;
  for (ssize_t at = 0; at < length;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::array<char, 1024> value{};
    const ssize_t size =
        lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    NS_CHECK(size >= 0);
    found[name] = std::string(value.data(), static_cast<size_t>(size));
  }
  std::string text;
  for (const auto& [name, value] : found) {
    absl::StrAppend(&text, " ", name, "=", value);
  }
  return text;
}

char TypeOf(mode_t mode) {
  return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISFIFO(mode) ? 'p' : 'f';
}

char TypeOf(const Entry& entry) {
  switch (entry.type()) {
    case v1::format::DIRECTORY:
      return 'd';
    case v1::format::SYMLINK:
      return 'l';
    case v1::format::FIFO:
      return 'p';
    default:
      return 'f';
  }
}

struct stat Look(const std::string& path) {
  struct stat info = {};
  NS_CHECK(lstat(path.c_str(), &info) == 0);
  return info;
}

std::string TextOf(char type, uint32_t mode, uint32_t uid, uint32_t gid,
                   int64_t seconds, int64_t nanoseconds) {
  return absl::StrCat(std::string(1, type), " ", absl::Hex(mode), " ", uid, ":",
                      gid, " ", seconds, ".", nanoseconds);
}

}  // namespace

std::string DifferenceOf(const Picture& is, const Picture& should_be) {
  std::string text;
  for (const auto& [path, entry] : should_be) {
    const auto found = is.find(path);
    if (found == is.end()) {
      absl::StrAppend(&text, "lacks \"", path, "\"; ");
    } else if (found->second != entry) {
      absl::StrAppend(&text, "\"", path, "\" is ", found->second.substr(0, 60),
                      " and should be ", entry.substr(0, 60), "; ");
    }
  }
  for (const auto& [path, entry] : is) {
    if (!should_be.contains(path)) {
      absl::StrAppend(&text, "has \"", path, "\" too much; ");
    }
  }
  return text;
}

Picture PictureOf(const WholeSnapshot& snapshot) {
  Picture picture;
  std::map<uint64_t, std::string> first_names;
  for (const auto& [path, entry] : snapshot.entries) {
    std::string text =
        TextOf(TypeOf(entry), entry.mode(), entry.uid(), entry.gid(),
               entry.mtime_seconds(), entry.mtime_nanoseconds());
    absl::StrAppend(&text, " ", entry.symlink_target());
    for (const auto& xattr : entry.xattrs()) {
      absl::StrAppend(&text, " ", xattr.name(), "=", xattr.value());
    }
    if (entry.unreadable()) text += " unreadable";
    if (entry.changed_while_read()) text += " changed while read";
    if (entry.link_group() != 0) {
      absl::StrAppend(
          &text, " linked to ",
          first_names.emplace(entry.link_group(), path).first->second);
    }
    const auto content = snapshot.contents.find(path);
    if (content != snapshot.contents.end()) text += "\n" + content->second;
    picture[path] = std::move(text);
  }
  return picture;
}

SourceTree::SourceTree(std::string root, uint64_t seed)
    : root_(std::move(root)), random_(seed) {
  fs::create_directories(root_ + "/d0/deep");
  fs::create_directory(root_ + "/d1");
  for (int i = 0; i < 14; ++i) Write(NewName(), RandomBytes());
  Write(NewName(), PseudoRandomBytes(700'000, random_()));  // in chunks
  fs::create_symlink("nowhere", NewName());
  fs::create_hard_link(RandomFile(), NewName());
  NS_CHECK(mkfifo(NewName().c_str(), 0640) == 0);
}

Picture SourceTree::Take() const {
  Picture picture;
  std::map<std::string, struct stat> found;
  found[""] = Look(root_);
  for (const auto& item : fs::recursive_directory_iterator(root_)) {
    found[item.path().string().substr(root_.size() + 1)] =
        Look(item.path().string());
  }
  std::map<ino_t, std::string> first_names;
  for (const auto& [path, info] : found) {
    const std::string whole = root_ + "/" + path;
    std::string text =
        TextOf(TypeOf(info.st_mode), info.st_mode & 07777, info.st_uid,
               info.st_gid, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    text += " ";
    if (S_ISLNK(info.st_mode)) text += fs::read_symlink(whole).string();
    text += XattrsOf(whole);
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
      absl::StrAppend(&text, " linked to ",
                      first_names.emplace(info.st_ino, path).first->second);
    }
    if (S_ISREG(info.st_mode)) text += "\n" + ReadFile(whole);
    picture[path] = std::move(text);
  }
  return picture;
}

void SourceTree::Change() {
  RewriteInPlace(RandomFile());
  for (uint64_t count = random_() % 4; count > 0; --count) ChangeOne();
}

void SourceTree::ChangeOne() {
  const std::string file = RandomFile();
  switch (random_() % 9) {
    case 0:
      Write(NewName(), RandomBytes());
      break;
    case 1:
      if (names_ % 3 == 0) fs::remove(file);
      break;
    case 2:
      fs::rename(file, NewName());
      break;
    case 3:
      Write(file, ReadFile(file) + RandomBytes());
      break;
    case 4:
      Write(file, RandomBytes());
      break;
    case 5:
      NS_CHECK(chmod(file.c_str(), 0600 + random_() % 0200) == 0);
      break;
    case 6:
      fs::create_hard_link(file, NewName());
      break;
    case 7: {
      const std::string value = std::to_string(random_());
      // Where there are none, the tree is as good without.
      (void)setxattr(file.c_str(), "user.note", value.data(), value.size(), 0);
      break;
    }
    default:
      RewriteInPlace(file);
  }
}

// Regular files, by name; the tree never runs out of them.
std::string SourceTree::RandomFile() {
  std::vector<std::string> files;
  for (const auto& item : fs::recursive_directory_iterator(root_)) {
    if (S_ISREG(Look(item.path().string()).st_mode)) {
      files.push_back(item.path().string());
    }
  }
  if (files.size() < 4) {
    files.push_back(NewName());
    Write(files.back(), RandomBytes());
  }
  std::sort(files.begin(), files.end());
  return files[random_() % files.size()];
}

std::string SourceTree::NewName() {
  constexpr std::array<const char*, 3> kPlaces = {"/", "/d0/deep/", "/d1/"};
  return absl::StrCat(root_, kPlaces[random_() % kPlaces.size()], "n",
                      ++names_);
}

std::string SourceTree::RandomBytes() {
  return PseudoRandomBytes(1 + random_() % 9000, random_());
}

void SourceTree::Write(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  NS_CHECK(out.good());
}

void SourceTree::RewriteInPlace(const std::string& path) {
  const struct stat before = Look(path);
  const std::string content =
      PseudoRandomBytes(static_cast<size_t>(before.st_size), random_());
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  NS_CHECK(fd >= 0);
  const timespec times[2] = {{0, UTIME_OMIT}, before.st_mtim};
  // The clock of a file system may stand still for some milliseconds.
  do {
    NS_CHECK(pwrite(fd, content.data(), content.size(), 0) ==
             static_cast<ssize_t>(content.size()));
    NS_CHECK(futimens(fd, times) == 0);
  } while (Look(path).st_ctim.tv_sec == before.st_ctim.tv_sec &&
           Look(path).st_ctim.tv_nsec == before.st_ctim.tv_nsec);
  close(fd);
}

}  // namespace nightsafe
