// Preloaded into a program, lets its n-th call that changes files fail. Which
// one is said, while it runs, in the file $FAILING_CALLS, which has the layout
// of Control and is mapped; failing_calls.py writes it. Only files below
// $FAILING_BELOW count.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Kind { kWrite, kSync, kRename, kCreate, kAllocate, kKinds };

struct Control {
  std::atomic<int32_t> kind;      // of which a call fails; -1: none
  std::atomic<int32_t> error;     // 0: a write that is short by half
  std::atomic<uint32_t> at;       // the number of that call, from 1
  std::atomic<uint32_t> lasting;  // the calls after that one fail too
  std::atomic<uint32_t> failed;   // calls that did
  std::array<std::atomic<uint32_t>, kKinds> seen;
};

Control* MapControl() {
  const char* path = std::getenv("FAILING_CALLS");
  if (path == nullptr) return nullptr;
  // The function of this name is replaced below.
  const int file = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));
  if (file < 0) return nullptr;
  void* data = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE,
                      MAP_SHARED, file, 0);
  ::close(file);
  return data == MAP_FAILED ? nullptr : static_cast<Control*>(data);
}

Control* control() {
  static Control* const mapped = MapControl();
  return mapped;
}

bool IsBelow(const char* path) {
  static const char* const root = std::getenv("FAILING_BELOW");
  return root != nullptr && std::strncmp(path, root, std::strlen(root)) == 0;
}

bool IsBelow(int descriptor) {
  std::array<char, 64> link{};
  std::array<char, 4096> path{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  const ssize_t length = ::readlink(link.data(), path.data(), path.size() - 1);
  return length > 0 && IsBelow(path.data());
}

// Whether this call is the one. Sets errno, to 0 for a short write.
template <typename Where>
bool Fails(Kind kind, Where where) {
  Control* const all = control();
  if (all == nullptr || !IsBelow(where)) return false;
  const uint32_t number = all->seen[kind].fetch_add(1) + 1;
  const uint32_t at = all->at.load();
  if (all->kind.load() != kind || number < at) return false;
  if (number > at && all->lasting.load() == 0) return false;
  all->failed.fetch_add(1);
  errno = all->error.load();
  return true;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int Fallocate(const char* name, int file, int mode, off64_t offset,
              off64_t length) {
  if (Fails(kAllocate, file)) {
    if (errno == 0) errno = ENOSPC;
    return -1;
  }
  return Real<int (*)(int, int, off64_t, off64_t)>(name)(file, mode, offset,
                                                         length);
}

int PosixFallocate(const char* name, int file, off64_t offset, off64_t length) {
  if (Fails(kAllocate, file)) return errno == 0 ? ENOSPC : errno;
  return Real<int (*)(int, off64_t, off64_t)>(name)(file, offset, length);
}

ssize_t Pwrite(const char* name, int file, const void* data, size_t size,
               off64_t offset) {
  const auto real = Real<ssize_t (*)(int, const void*, size_t, off64_t)>(name);
  if (!Fails(kWrite, file)) return real(file, data, size, offset);
  if (errno == 0 && size > 1) return real(file, data, size / 2, offset);
  if (errno == 0) errno = ENOSPC;
  return -1;
}

int Open(const char* name, const char* path, int flags, mode_t mode) {
  if ((flags & O_CREAT) != 0 && Fails(kCreate, path)) {
    if (errno == 0) errno = ENOSPC;
    return -1;
  }
  return Real<int (*)(const char*, int, mode_t)>(name)(path, flags, mode);
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (!Fails(kWrite, file)) return real(file, data, size);
  if (errno == 0 && size > 1) return real(file, data, size / 2);
  if (errno == 0) errno = ENOSPC;
  return -1;
}
ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  return Pwrite("pwrite", file, data, size, offset);
}
ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) {
  return Pwrite("pwrite64", file, data, size, offset);
}
int fsync(int file) {
  if (!Fails(kSync, file)) return Real<int (*)(int)>("fsync")(file);
  if (errno == 0) errno = ENOSPC;
  return -1;
}
int fdatasync(int file) {
  if (!Fails(kSync, file)) return Real<int (*)(int)>("fdatasync")(file);
  if (errno == 0) errno = ENOSPC;
  return -1;
}
int rename(const char* from, const char* to) {
  if (!Fails(kRename, from)) {
    return Real<int (*)(const char*, const char*)>("rename")(from, to);
  }
  if (errno == 0) errno = ENOSPC;
  return -1;
}
int renameat2(int from_at, const char* from, int to_at, const char* to,
              unsigned int flags) {
  if (!Fails(kRename, from)) {
    return Real<int (*)(int, const char*, int, const char*, unsigned int)>(
        "renameat2")(from_at, from, to_at, to, flags);
  }
  if (errno == 0) errno = ENOSPC;
  return -1;
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return Open("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return Open("open64", path, flags, mode);
}
int fallocate(int file, int mode, off_t offset, off_t length) {
  return Fallocate("fallocate", file, mode, offset, length);
}
int fallocate64(int file, int mode, off64_t offset, off64_t length) {
  return Fallocate("fallocate64", file, mode, offset, length);
}
int posix_fallocate(int file, off_t offset, off_t length) {
  return PosixFallocate("posix_fallocate", file, offset, length);
}
int posix_fallocate64(int file, off64_t offset, off64_t length) {
  return PosixFallocate("posix_fallocate64", file, offset, length);
}

}  // extern "C"
