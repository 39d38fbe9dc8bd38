// Open files of the real file system. For this folder alone.
#pragma once

#include <unistd.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/io/file_system.h"

namespace nightsafe {

// By FileSystem's codes; "cannot VERB PATH: reason".
absl::Status SystemError(absl::string_view verb, absl::string_view path,
                         int error);

// Closes what it holds, unless that is negative.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Takes the descriptor; `path` is for messages.
std::unique_ptr<File> NewPosixFile(int fd, absl::string_view path);

}  // namespace nightsafe
