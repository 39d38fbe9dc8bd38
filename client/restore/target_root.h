// The directory a restore writes into. Everything below it is reached from its
// descriptor, and no symlink is ever followed, whoever put it there and when.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/restore/file_descriptor.h"

namespace nightsafe {

// One file-system object, so that it is known again. A number freed may be
// given out again at once, so the type counts too.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  mode_t format = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
FileIdentity IdentityOf(const struct stat& info);

// errno of a system call as a status; "what: No space left on device".
// RESOURCE_EXHAUSTED for ENOSPC and EDQUOT, ALREADY_EXISTS for EEXIST, else
// FAILED_PRECONDITION.
absl::Status SystemError(absl::string_view what);

class TargetRoot {
 public:
  // Makes `path` (its parent must exist) or takes it if it is an empty
  // directory. `into_existing` takes any directory, and lets mounts below it
  // be entered. FAILED_PRECONDITION says what is in the way.
  static absl::StatusOr<TargetRoot> Open(absl::string_view path,
                                         bool into_existing);
  // What Open would say, without making anything.
  static absl::Status Check(absl::string_view path, bool into_existing);

  int fd() const { return fd_.get(); }
  bool into_existing() const { return into_existing_; }

  // A directory below the root by its absolute path in the snapshot ("" is the
  // root itself).
  absl::StatusOr<FileDescriptor> OpenDirectory(absl::string_view path) const;

 private:
  TargetRoot(FileDescriptor fd, bool into_existing)
      : fd_(std::move(fd)), into_existing_(into_existing) {}

  FileDescriptor fd_;
  bool into_existing_ = false;
};

// A name within a directory: 1 to 255 bytes, no '/', no NUL, not "." or "..".
bool IsSafeName(absl::string_view name);

}  // namespace nightsafe
