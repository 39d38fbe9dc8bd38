// Visits file systems in the order of a snapshot: all names of a directory,
// sorted by their bytes, before anything below one of them.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nightsafe {

// Views and descriptors hold during the call they are given to.
struct WalkedEntry {
  absl::string_view directory;  // as in PathKey
  absl::string_view name;       // "" for "/" itself
  int parent = -1;              // descriptor of the directory
  struct statx stat;
  bool implied = false;  // an ancestor of a root
  // A directory whose names may not be read: it comes without them.
  bool unlistable = false;

  bool is_directory() const { return S_ISDIR(stat.stx_mode); }
  bool is_regular() const { return S_ISREG(stat.stx_mode); }
};

// What could not be visited.
struct WalkProblem {
  std::string path;
  int error = 0;  // errno
  std::string what;
};

struct WalkOptions {
  std::vector<std::string> roots;
  // Its contents are left out (the agent's own state); may be empty.
  std::string excluded_directory;
};

// Each root with its parents resolved, sorted, without duplicates and those
// inside another. INVALID_ARGUMENT names a root that is relative, malformed or
// absent.
absl::StatusOr<std::vector<std::string>> ResolveRoots(
    const std::vector<std::string>& roots);

// Calls `on_entry` in path-key order; an error from it ends the walk with that
// error. What vanishes or cannot be listed goes to `on_problem`, and the walk
// goes on. Mount points of pseudo file systems (proc, sysfs, cgroup, ...) are
// entries whose contents are left out. No symbolic link is followed below a
// root's parent.
absl::Status Walk(
    const WalkOptions& options,
    const std::function<absl::Status(const WalkedEntry&)>& on_entry,
    const std::function<void(const WalkProblem&)>& on_problem);

}  // namespace nightsafe
