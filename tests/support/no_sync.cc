// Preloaded into a program, leaves out the syncs of files whose path contains
// $NO_SYNC: a planted defect that the power cut tests must find.

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool IsLeftOut(int descriptor) {
  const char* pattern = std::getenv("NO_SYNC");
  if (pattern == nullptr) return false;
  std::array<char, 64> link{};
  std::array<char, 4096> path{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  const ssize_t length = ::readlink(link.data(), path.data(), path.size() - 1);
  return length > 0 && std::strstr(path.data(), pattern) != nullptr;
}

int SyncUnlessLeftOut(const char* name, int descriptor) {
  if (IsLeftOut(descriptor)) return 0;
  const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name));
  return real(descriptor);
}

}  // namespace

extern "C" {

int fsync(int descriptor) { return SyncUnlessLeftOut("fsync", descriptor); }

int fdatasync(int descriptor) {
  return SyncUnlessLeftOut("fdatasync", descriptor);
}

int sync_file_range(int descriptor, off64_t, off64_t, unsigned int) {
  return IsLeftOut(descriptor) ? 0 : ::fdatasync(descriptor);
}

}  // extern "C"
