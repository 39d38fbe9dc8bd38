#include "client/agent/pseudo_file_systems.h"

#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace nightsafe {
namespace {

constexpr std::array<const char*, 22> kTypes = {
    "autofs",   "binfmt_misc", "bpf",        "cgroup",     "cgroup2",
    "configfs", "debugfs",     "devpts",     "devtmpfs",   "efivarfs",
    "fusectl",  "hugetlbfs",   "mqueue",     "nfsd",       "nsfs",
    "proc",     "pstore",      "rpc_pipefs", "securityfs", "selinuxfs",
    "sysfs",    "tracefs"};

// From linux/magic.h; devtmpfs has that of tmpfs, so only the table knows it.
constexpr std::array<long, 19> kMagics = {
    0x0187,     0x42494e4d, 0xcafe4a11, 0x27e0eb,   0x63677270,
    0x62656570, 0x64626720, 0x1cd1,     0xde5e81e4, 0x65735543,
    0x958458f6, 0x19800202, 0x6e736673, 0x9fa0,     0x6165676c,
    0x73636673, 0xf97cff8c, 0x62656572, 0x74726163};

}  // namespace

// Lines: id parent major:minor root mount-point options [tags] - type ...
PseudoFileSystems::PseudoFileSystems() {
  std::ifstream table("/proc/self/mountinfo");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string device;
    fields >> skipped >> skipped >> device;
    while (fields >> skipped && skipped != "-") {
    }
    std::string type;
    fields >> type;
    unsigned int device_major = 0;
    unsigned int device_minor = 0;
    if (std::sscanf(device.c_str(), "%u:%u", &device_major, &device_minor) ==
            2 &&
        std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end()) {
      devices_.emplace(device_major, device_minor);
    }
  }
}

bool PseudoFileSystems::Contains(uint32_t device_major, uint32_t device_minor,
                                 int descriptor) const {
  if (devices_.contains({device_major, device_minor})) return true;
  struct statfs info;
  if (descriptor < 0 || fstatfs(descriptor, &info) != 0) return false;
  return std::find(kMagics.begin(), kMagics.end(),
                   static_cast<long>(info.f_type)) != kMagics.end();
}

}  // namespace nightsafe
