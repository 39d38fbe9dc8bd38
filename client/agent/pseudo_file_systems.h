// Which mounted file systems show the kernel's state instead of files.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

namespace nightsafe {

class PseudoFileSystems {
 public:
  // As mounted now.
  PseudoFileSystems();
  // Is a directory of this device on one? Takes a descriptor of it to ask the
  // kernel where the table of mounts cannot be read; -1: table only.
  bool Contains(uint32_t device_major, uint32_t device_minor,
                int descriptor) const;

 private:
  std::set<std::pair<uint32_t, uint32_t>> devices_;
};

}  // namespace nightsafe
