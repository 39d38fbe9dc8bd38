// A program started and looked after: ssh, or nightsafed during setup.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nightsafe {

// Ends with SIGTERM, and after a few seconds SIGKILL, when destroyed.
class ChildProcess {
 public:
  // Runs argv[0] (found in PATH) with standard input from /dev/null unless
  // `keep_stdin`, and standard output to /dev/null if `quiet`.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& argv, bool keep_stdin, bool quiet);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // True while it runs.
  bool Alive();
  // Waits for its end. FAILED_PRECONDITION with the exit code unless it is 0.
  absl::Status Wait();
  // SIGTERM, then Wait.
  absl::Status Stop();

 private:
  ChildProcess(pid_t pid, std::string name)
      : pid_(pid), name_(std::move(name)) {}
  pid_t pid_;
  std::string name_;
  bool ended_ = false;
  int wait_status_ = 0;
};

// True once something listens on the Unix socket at `path`.
bool SocketAnswers(const std::string& path);

// Waits until a socket answers. UNAVAILABLE if `child` ends before, or
// DEADLINE_EXCEEDED.
absl::Status WaitForSocket(const std::string& path, ChildProcess& child,
                           absl::Duration limit);

}  // namespace nightsafe
