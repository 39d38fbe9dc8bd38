#include "client/agent/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/descriptor.h"
#include "client/agent/pseudo_file_systems.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

// Descriptors held for ancestors; those further up are closed and found again
// through "..".
constexpr size_t kMaxOpenAncestors = 128;

// The roots as a tree. A root has no children here: all below it is taken.
struct RootNode {
  bool is_root = false;
  std::map<std::string, RootNode> children;
};

struct Level {
  Descriptor directory;
  std::string path;
  uint64_t device = 0;
  uint64_t inode = 0;
  std::vector<std::string> children;  // directories to go into
  size_t next = 0;
  const RootNode* node = nullptr;  // null: all names are taken
};

uint64_t DeviceOf(const struct statx& stat) {
  return makedev(stat.stx_dev_major, stat.stx_dev_minor);
}

int StatAt(int parent, const char* name, struct statx* stat) {
  const int empty = *name == '\0' ? AT_EMPTY_PATH : 0;
  return statx(parent, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | empty,
               STATX_BASIC_STATS, stat);
}

Descriptor OpenDirectory(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(parent, name, kFlags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = openat(parent, name, kFlags);
  return Descriptor(fd);
}

// Above the roots only names that are known are looked up, which does not need
// the right to list.
Descriptor OpenAncestor(int parent, const char* name) {
  Descriptor directory = OpenDirectory(parent, name);
  if (directory.open() || errno != EACCES) return directory;
  return Descriptor(
      openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

class Walker {
 public:
  Walker(const WalkOptions& options,
         const std::function<absl::Status(const WalkedEntry&)>& on_entry,
         const std::function<void(const WalkProblem&)>& on_problem)
      : on_entry_(on_entry), on_problem_(on_problem) {
    struct statx stat;
    if (!options.excluded_directory.empty() &&
        statx(AT_FDCWD, options.excluded_directory.c_str(), 0,
              STATX_BASIC_STATS, &stat) == 0) {
      excluded_ = {DeviceOf(stat), stat.stx_ino};
    }
    for (const std::string& root : options.roots) AddRoot(root);
  }

  absl::Status Run() {
    Level top;
    top.directory = OpenDirectory(AT_FDCWD, "/");
    struct statx stat;
    if (!top.directory.open() || StatAt(top.directory.get(), "", &stat) != 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot open /: ", std::strerror(errno)));
    }
    top.device = DeviceOf(stat);
    top.inode = stat.stx_ino;
    top.node = roots_.is_root ? nullptr : &roots_;
    NS_RETURN_IF_ERROR(
        on_entry_({"", "", top.directory.get(), stat, !roots_.is_root}));
    NS_RETURN_IF_ERROR(List(top));
    stack_.push_back(std::move(top));
    while (!stack_.empty()) {
      if (stack_.back().next == stack_.back().children.size()) {
        Ascend();
      } else {
        NS_RETURN_IF_ERROR(Descend());
      }
    }
    return absl::OkStatus();
  }

 private:
  void AddRoot(absl::string_view path) {
    RootNode* node = &roots_;
    while (!path.empty() && !node->is_root) {
      path.remove_prefix(1);  // '/'
      const absl::string_view name = path.substr(0, path.find('/'));
      path.remove_prefix(name.size());
      if (!name.empty()) node = &node->children[std::string(name)];
    }
    node->is_root = true;
    node->children.clear();
  }

  void Problem(absl::string_view directory, absl::string_view name, int error,
               absl::string_view what) {
    on_problem_({JoinPath(directory, name), error,
                 absl::StrCat(what, ": ", std::strerror(error))});
  }

  bool ReadNames(const Level& level, std::vector<std::string>& names) {
    const int copy = fcntl(level.directory.get(), F_DUPFD_CLOEXEC, 0);
    DIR* stream = copy < 0 ? nullptr : fdopendir(copy);
    if (stream == nullptr) {
      if (copy >= 0) close(copy);
      return false;
    }
    errno = 0;
    while (const dirent* item = readdir(stream)) {
      const absl::string_view name = item->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    closedir(stream);
    errno = error;
    return error == 0;
  }

  // Emits the names of `level` and notes the directories among them.
  absl::Status List(Level& level) {
    std::vector<std::string> names;
    if (level.node != nullptr) {
      for (const auto& [name, child] : level.node->children) {
        names.push_back(name);
      }
    } else if (!ReadNames(level, names)) {
      on_problem_(
          {level.path.empty() ? "/" : level.path, errno,
           absl::StrCat("cannot list the directory: ", std::strerror(errno))});
    }
    std::sort(names.begin(), names.end());
    for (std::string& name : names) {
      NS_RETURN_IF_ERROR(Emit(level, name));
    }
    return absl::OkStatus();
  }

  absl::Status Emit(Level& level, std::string& name) {
    WalkedEntry entry;
    if (StatAt(level.directory.get(), name.c_str(), &entry.stat) != 0) {
      Problem(level.path, name, errno, "cannot stat");
      return absl::OkStatus();
    }
    if (name.size() > kMaxNameBytes) {
      Problem(level.path, name, ENAMETOOLONG, "left out");
      return absl::OkStatus();
    }
    entry.directory = level.path;
    entry.name = name;
    entry.parent = level.directory.get();
    const RootNode* node =
        level.node == nullptr ? nullptr : &level.node->children.at(name);
    entry.implied = node != nullptr && !node->is_root;
    entry.unlistable = entry.is_directory() && !entry.implied &&
                       faccessat(level.directory.get(), name.c_str(),
                                 R_OK | X_OK, AT_EACCESS) != 0;
    NS_RETURN_IF_ERROR(on_entry_(entry));
    if (entry.is_directory() &&
        excluded_ != std::pair(DeviceOf(entry.stat),
                               static_cast<uint64_t>(entry.stat.stx_ino))) {
      level.children.push_back(std::move(name));
    }
    return absl::OkStatus();
  }

  absl::Status Descend() {
    Level& parent = stack_.back();
    const std::string& name = parent.children[parent.next++];
    Level level;
    level.path = absl::StrCat(parent.path, "/", name);
    if (level.path.size() > kMaxPathBytes) {
      Problem(parent.path, name, ENAMETOOLONG, "contents left out");
      return absl::OkStatus();
    }
    if (parent.node != nullptr) {
      const RootNode& node = parent.node->children.at(name);
      level.node = node.is_root ? nullptr : &node;
    }
    // What lies on the way to a root is passed, whatever it is.
    const bool taken = level.node == nullptr;
    struct statx stat;
    if (taken && StatAt(parent.directory.get(), name.c_str(), &stat) == 0 &&
        DeviceOf(stat) != parent.device &&
        pseudo_.Contains(stat.stx_dev_major, stat.stx_dev_minor, -1)) {
      return absl::OkStatus();
    }
    level.directory = taken
                          ? OpenDirectory(parent.directory.get(), name.c_str())
                          : OpenAncestor(parent.directory.get(), name.c_str());
    if (!level.directory.open() ||
        StatAt(level.directory.get(), "", &stat) != 0) {
      Problem(parent.path, name, errno, "cannot open the directory");
      return absl::OkStatus();
    }
    level.device = DeviceOf(stat);
    level.inode = stat.stx_ino;
    if (taken && level.device != parent.device &&
        pseudo_.Contains(stat.stx_dev_major, stat.stx_dev_minor,
                         level.directory.get())) {
      return absl::OkStatus();
    }
    NS_RETURN_IF_ERROR(List(level));
    stack_.push_back(std::move(level));
    if (stack_.size() > kMaxOpenAncestors) {
      stack_[stack_.size() - 1 - kMaxOpenAncestors].directory.Close();
    }
    return absl::OkStatus();
  }

  void Ascend() {
    Level done = std::move(stack_.back());
    stack_.pop_back();
    if (stack_.empty() || stack_.back().directory.open()) return;
    Level& parent = stack_.back();
    parent.directory = OpenDirectory(done.directory.get(), "..");
    struct statx stat;
    if (parent.directory.open() &&
        StatAt(parent.directory.get(), "", &stat) == 0 &&
        DeviceOf(stat) == parent.device && stat.stx_ino == parent.inode) {
      return;
    }
    parent.directory.Close();
    if (parent.next < parent.children.size()) {
      on_problem_({parent.path, ENOENT,
                   "moved while it was walked: some of it is left out"});
    }
    // The way further up goes through this level's own "..", which is lost.
    for (Level& level : stack_) {
      if (!level.directory.open()) level.next = level.children.size();
    }
  }

  const std::function<absl::Status(const WalkedEntry&)>& on_entry_;
  const std::function<void(const WalkProblem&)>& on_problem_;
  const PseudoFileSystems pseudo_;
  std::pair<uint64_t, uint64_t> excluded_{0, 0};
  RootNode roots_;
  std::vector<Level> stack_;
};

absl::StatusOr<std::string> ResolveRoot(const std::string& root) {
  auto key = ParsePath(root);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot back up \"", root, "\": ", key.status().message()));
  }
  if (key->name.empty()) return "/";
  const std::string parent = key->directory.empty() ? "/" : key->directory;
  char* resolved = realpath(parent.c_str(), nullptr);
  if (resolved == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot back up ", root, ": ", std::strerror(errno)));
  }
  std::string path = resolved;
  std::free(resolved);
  if (path != "/") path += '/';
  path += key->name;
  struct statx stat;
  if (StatAt(AT_FDCWD, path.c_str(), &stat) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot back up ", root, ": ", std::strerror(errno)));
  }
  return path;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ResolveRoots(
    const std::vector<std::string>& roots) {
  if (roots.empty()) return absl::InvalidArgumentError("nothing to back up");
  std::vector<std::string> resolved;
  for (const std::string& root : roots) {
    NS_ASSIGN_OR_RETURN(std::string path, ResolveRoot(root));
    resolved.push_back(std::move(path));
  }
  // Shorter ones first, so that what contains another is there before it.
  std::sort(resolved.begin(), resolved.end(),
            [](const std::string& a, const std::string& b) {
              return std::pair(a.size(), a) < std::pair(b.size(), b);
            });
  std::vector<std::string> kept;
  for (std::string& path : resolved) {
    const bool inside =
        std::any_of(kept.begin(), kept.end(), [&path](const std::string& root) {
          return root == "/" || path == root ||
                 absl::StartsWith(path, absl::StrCat(root, "/"));
        });
    if (!inside) kept.push_back(std::move(path));
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

absl::Status Walk(
    const WalkOptions& options,
    const std::function<absl::Status(const WalkedEntry&)>& on_entry,
    const std::function<void(const WalkProblem&)>& on_problem) {
  return Walker(options, on_entry, on_problem).Run();
}

}  // namespace nightsafe
