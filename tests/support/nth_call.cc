// Preloaded into a program, makes its k-th call that changes something below a
// directory fail, or tells a test of files that it is about to read.
//
//   FAIL_UNDER  directory; only what lies below it (or is it) counts
//   FAIL_CALL   k, from 1
//   FAIL_ERRNO  what the call fails with; 0: the program is killed
//   FAIL_LOG    file that gets "NAME PATH" of the call that was hit
//
//   TELL_UNDER  directory; opens for reading below it are told of
//   TELL_SOCKET Unix socket that gets "STAGE PATH\n", STAGE being before (the
//               open), opened or read (once), and answers with a byte

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

template <typename Function>
Function* Real(Function*, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) Real(&name, #name)

std::string PathOf(int descriptor) {
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  return length < 0 ? "" : std::string(path.data(), size_t(length));
}

std::string PathOf(int directory, const char* name) {
  if (name == nullptr || *name == '\0') return PathOf(directory);
  if (*name == '/') return name;
  if (directory != AT_FDCWD) return PathOf(directory) + "/" + name;
  std::array<char, 4096> here{};
  return std::string(
             ::getcwd(here.data(), here.size()) == nullptr ? "" : here.data()) +
         "/" + name;
}

bool LiesUnder(const std::string& path, const char* variable) {
  const char* under = std::getenv(variable);
  if (under == nullptr) return false;
  const size_t length = std::strlen(under);
  return path.compare(0, length, under) == 0 &&
         (path.size() == length || path[length] == '/');
}

// Before this library is initialised a sanitizer's runtime may be, whose calls
// can bear nothing of this.
std::atomic<bool> ready{false};
__attribute__((constructor)) void Begin() { ready = true; }

// True: the call is to fail, and errno says how.
bool Fails(const char* name, const std::string& path) {
  static std::atomic<long> calls{0};
  if (!LiesUnder(path, "FAIL_UNDER")) return false;
  if (++calls != std::atol(std::getenv("FAIL_CALL"))) return false;
  const std::string line = std::string(name) + " " + path + "\n";
  const int log =
      REAL(open)(std::getenv("FAIL_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  (void)!REAL(write)(log, line.data(), line.size());
  ::close(log);
  const int error = std::atoi(std::getenv("FAIL_ERRNO"));
  if (error == 0) ::raise(SIGKILL);
  errno = error;
  return true;
}

void Tell(const char* stage, const std::string& path) {
  if (!LiesUnder(path, "TELL_UNDER")) return;
  static int peer = -1;
  // One agent reads from one thread.
  if (peer < 0) {
    peer = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, std::getenv("TELL_SOCKET"),
                 sizeof address.sun_path - 1);
    if (::connect(peer, reinterpret_cast<sockaddr*>(&address),
                  sizeof address) != 0) {
      ::abort();
    }
  }
  const std::string line = std::string(stage) + " " + path + "\n";
  char answer = 0;
  if (::send(peer, line.data(), line.size(), MSG_NOSIGNAL) < 0 ||
      ::recv(peer, &answer, 1, 0) != 1) {
    ::abort();
  }
}

// By descriptor: opened, told of, and not read yet.
std::array<std::atomic<bool>, 4096> unread;

template <typename Open>
int OpenAt(int directory, const char* name, int flags, Open open) {
  if (!ready) return open();
  const std::string path = PathOf(directory, name);
  if ((flags & O_CREAT) != 0) {
    return Fails("open", path) ? -1 : open();
  }
  Tell("before", path);
  const int fd = open();
  if (fd < 0 || !LiesUnder(path, "TELL_UNDER")) return fd;
  const int error = errno;
  Tell("opened", path);
  if (fd < int(unread.size())) unread[size_t(fd)] = true;
  errno = error;
  return fd;
}

ssize_t AfterRead(int fd, ssize_t count) {
  if (fd < 0 || fd >= int(unread.size()) || !unread[size_t(fd)]) return count;
  unread[size_t(fd)] = false;
  const int error = errno;
  Tell("read", PathOf(fd));
  errno = error;
  return count;
}

}  // namespace

#define FAILING(name, path, ...) \
  (ready && Fails(#name, path) ? -1 : REAL(name)(__VA_ARGS__))

#define OPEN_AT(function)                                                  \
  int function(int directory, const char* name, int flags, ...) {          \
    va_list arguments;                                                     \
    va_start(arguments, flags);                                            \
    const mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments);                                                     \
    return OpenAt(directory, name, flags, [&] {                            \
      return REAL(function)(directory, name, flags, mode);                 \
    });                                                                    \
  }
#define OPEN(function)                                                     \
  int function(const char* name, int flags, ...) {                         \
    va_list arguments;                                                     \
    va_start(arguments, flags);                                            \
    const mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments);                                                     \
    return OpenAt(AT_FDCWD, name, flags,                                   \
                  [&] { return REAL(function)(name, flags, mode); });      \
  }

extern "C" {

OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)

// What hardened programs call when no mode is given.
int __open_2(const char* name, int flags) { return open(name, flags); }
int __open64_2(const char* name, int flags) { return open64(name, flags); }
int __openat_2(int directory, const char* name, int flags) {
  return openat(directory, name, flags);
}
int __openat64_2(int directory, const char* name, int flags) {
  return openat64(directory, name, flags);
}

ssize_t pread(int fd, void* out, size_t size, off_t offset) {
  return AfterRead(fd, REAL(pread)(fd, out, size, offset));
}
ssize_t pread64(int fd, void* out, size_t size, off64_t offset) {
  return AfterRead(fd, REAL(pread64)(fd, out, size, offset));
}
ssize_t write(int fd, const void* bytes, size_t size) {
  return FAILING(write, PathOf(fd), fd, bytes, size);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return FAILING(pwrite, PathOf(fd), fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return FAILING(pwrite64, PathOf(fd), fd, bytes, size, offset);
}
int fsync(int fd) { return FAILING(fsync, PathOf(fd), fd); }
int fdatasync(int fd) { return FAILING(fdatasync, PathOf(fd), fd); }
int syncfs(int fd) noexcept { return FAILING(syncfs, PathOf(fd), fd); }
int ftruncate(int fd, off_t size) noexcept {
  return FAILING(ftruncate, PathOf(fd), fd, size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  return FAILING(ftruncate64, PathOf(fd), fd, size);
}
int rename(const char* from, const char* to) noexcept {
  return FAILING(rename, PathOf(AT_FDCWD, to), from, to);
}
int renameat2(int d, const char* from, int e, const char* to,
              unsigned int flags) noexcept {
  return FAILING(renameat2, PathOf(e, to), d, from, e, to, flags);
}
int mkdir(const char* path, mode_t mode) noexcept {
  return FAILING(mkdir, PathOf(AT_FDCWD, path), path, mode);
}
int mkdirat(int d, const char* path, mode_t mode) noexcept {
  return FAILING(mkdirat, PathOf(d, path), d, path, mode);
}
int unlink(const char* path) noexcept {
  return FAILING(unlink, PathOf(AT_FDCWD, path), path);
}
int unlinkat(int d, const char* path, int flags) noexcept {
  return FAILING(unlinkat, PathOf(d, path), d, path, flags);
}
int chmod(const char* path, mode_t mode) noexcept {
  return FAILING(chmod, PathOf(AT_FDCWD, path), path, mode);
}
int fchmod(int fd, mode_t mode) noexcept {
  return FAILING(fchmod, PathOf(fd), fd, mode);
}
int fchownat(int d, const char* path, uid_t uid, gid_t gid,
             int flags) noexcept {
  return FAILING(fchownat, PathOf(d, path), d, path, uid, gid, flags);
}
int futimens(int fd, const timespec times[2]) noexcept {
  return FAILING(futimens, PathOf(fd), fd, times);
}
int utimensat(int d, const char* path, const timespec times[2],
              int flags) noexcept {
  return FAILING(utimensat, PathOf(d, path), d, path, times, flags);
}
int fsetxattr(int fd, const char* name, const void* value, size_t size,
              int flags) noexcept {
  return FAILING(fsetxattr, PathOf(fd), fd, name, value, size, flags);
}
int linkat(int d, const char* from, int e, const char* to, int flags) noexcept {
  return FAILING(linkat, PathOf(e, to), d, from, e, to, flags);
}
int symlinkat(const char* target, int d, const char* path) noexcept {
  return FAILING(symlinkat, PathOf(d, path), target, d, path);
}
int mknodat(int d, const char* path, mode_t mode, dev_t device) noexcept {
  return FAILING(mknodat, PathOf(d, path), d, path, mode, device);
}

}  // extern "C"
