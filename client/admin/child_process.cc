#include "client/admin/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "common/base/status.h"

extern char** environ;

namespace nightsafe {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(20);
constexpr absl::Duration kStopPatience = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv, bool keep_stdin, bool quiet) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (!keep_stdin) {
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                       O_RDONLY, 0);
  }
  if (quiet) {
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                       O_WRONLY, 0);
  }
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0], &actions, nullptr,
                                   arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot start ", argv[0], ": ", std::strerror(error),
                     error == ENOENT ? " (is it installed and in PATH?)" : ""));
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, argv[0]));
}

ChildProcess::~ChildProcess() {
  if (!Alive()) return;
  ::kill(pid_, SIGTERM);
  const absl::Time limit = absl::Now() + kStopPatience;
  while (Alive() && absl::Now() < limit) absl::SleepFor(kPollInterval);
  if (!Alive()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, &wait_status_, 0);
}

bool ChildProcess::Alive() {
  if (ended_) return false;
  ended_ = ::waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  return !ended_;
}

absl::Status ChildProcess::Wait() {
  while (!ended_) {
    const pid_t got = ::waitpid(pid_, &wait_status_, 0);
    ended_ = got == pid_ || (got < 0 && errno != EINTR);
  }
  if (WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0) {
    return absl::OkStatus();
  }
  if (WIFEXITED(wait_status_)) {
    return absl::FailedPreconditionError(absl::StrCat(
        name_, " ended with exit code ", WEXITSTATUS(wait_status_)));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(name_, " was ended by signal ", WTERMSIG(wait_status_)));
}

absl::Status ChildProcess::Stop() {
  if (Alive()) ::kill(pid_, SIGTERM);
  return Wait();
}

bool SocketAnswers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool answers =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0;
  ::close(fd);
  return answers;
}

absl::Status WaitForSocket(const std::string& path, ChildProcess& child,
                           absl::Duration limit) {
  const absl::Time end = absl::Now() + limit;
  while (!SocketAnswers(path)) {
    if (!child.Alive()) {
      NS_RETURN_IF_ERROR(child.Wait());
      return absl::UnavailableError(absl::StrCat("nothing listens on ", path));
    }
    if (absl::Now() > end) {
      return absl::DeadlineExceededError(
          absl::StrCat("nothing answered on ", path, " within ",
                       absl::FormatDuration(limit)));
    }
    absl::SleepFor(kPollInterval);
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
