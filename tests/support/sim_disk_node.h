// Files and directories of a SimDisk: what the page cache has, and what is on
// the disk.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/sim_disk.h"

namespace nightsafe {

inline constexpr size_t kSimBlockBytes = 4096;
inline constexpr size_t kSimSectorBytes = 512;

using SimBlock = std::array<std::byte, kSimBlockBytes>;
// Null: zeroes. Shared by disks that were copied from each other.
using SimBlockPtr = std::shared_ptr<const SimBlock>;

// What a name meant at some time.
struct SimMeaning {
  std::shared_ptr<SimDisk::Node> node;  // null: nothing
  uint64_t rename = 0;                  // 0: none
  // Of the other name of that rename, if this is the one that went away.
  std::weak_ptr<SimDisk::Node> new_directory;
  std::string new_name;
};

struct SimDisk::Name {
  NodePtr now;
  NodePtr on_disk;
  std::vector<SimMeaning> unsynced;  // in order; the last is `now`
};

struct SimDisk::Node {
  bool is_directory = false;
  std::map<std::string, Name> names;  // of a directory

  uint64_t size = 0;
  std::vector<SimBlockPtr> blocks;
  uint64_t disk_size = 0;
  std::vector<SimBlockPtr> disk_blocks;
  // Versions since the last sync, in order; the last is in `blocks`.
  std::map<size_t, std::vector<SimBlockPtr>> dirty;
  std::vector<uint64_t> dirty_sizes;
  // A failed sync marked them clean, and the disk has something else.
  std::set<size_t> forgotten;

  size_t Read(uint64_t offset, MutableBytes out) const;
  void Write(uint64_t offset, ByteView bytes);
  void Grow(uint64_t length);
  void Sync();
  void FailSync(std::mt19937_64& random);
  void DropCache();
};

}  // namespace nightsafe
