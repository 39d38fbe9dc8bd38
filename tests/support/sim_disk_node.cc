#include "tests/support/sim_disk_node.h"

#include <algorithm>
#include <cstring>

namespace nightsafe {
namespace {

// More than that many versions of a block, or of a length, are not told apart.
constexpr size_t kMaxVersions = 8;

template <typename T>
void AddVersion(std::vector<T>& versions, T version) {
  if (versions.size() == kMaxVersions) {
    versions.erase(versions.begin() + kMaxVersions / 2);
  }
  versions.push_back(std::move(version));
}

size_t BlocksOf(uint64_t size) {
  return static_cast<size_t>((size + kSimBlockBytes - 1) / kSimBlockBytes);
}

}  // namespace

size_t SimDisk::Node::Read(uint64_t offset, MutableBytes out) const {
  if (offset >= size) return 0;
  const size_t length =
      static_cast<size_t>(std::min<uint64_t>(out.size(), size - offset));
  for (size_t done = 0; done < length;) {
    const size_t block = static_cast<size_t>((offset + done) / kSimBlockBytes);
    const size_t at = static_cast<size_t>((offset + done) % kSimBlockBytes);
    const size_t n = std::min(length - done, kSimBlockBytes - at);
    if (blocks[block] == nullptr) {
      std::memset(out.data() + done, 0, n);
    } else {
      std::memcpy(out.data() + done, blocks[block]->data() + at, n);
    }
    done += n;
  }
  return length;
}

void SimDisk::Node::Write(uint64_t offset, ByteView bytes) {
  if (bytes.empty()) return;
  Grow(offset + bytes.size());
  for (size_t done = 0; done < bytes.size();) {
    const size_t block = static_cast<size_t>((offset + done) / kSimBlockBytes);
    const size_t at = static_cast<size_t>((offset + done) % kSimBlockBytes);
    const size_t n = std::min(bytes.size() - done, kSimBlockBytes - at);
    auto version = blocks[block] == nullptr
                       ? std::make_shared<SimBlock>()
                       : std::make_shared<SimBlock>(*blocks[block]);
    std::memcpy(version->data() + at, bytes.data() + done, n);
    blocks[block] = version;
    AddVersion(dirty[block], SimBlockPtr(std::move(version)));
    done += n;
  }
}

void SimDisk::Node::Grow(uint64_t length) {
  if (length <= size) return;
  size = length;
  blocks.resize(BlocksOf(size));
  AddVersion(dirty_sizes, size);
}

void SimDisk::Node::Sync() {
  disk_blocks.resize(blocks.size());
  for (const auto& [block, versions] : dirty) {
    disk_blocks[block] = blocks[block];
    forgotten.erase(block);
  }
  disk_size = size;
  dirty.clear();
  dirty_sizes.clear();
}

void SimDisk::Node::FailSync(std::mt19937_64& random) {
  disk_blocks.resize(std::max(disk_blocks.size(), blocks.size()));
  for (const auto& [block, versions] : dirty) {
    if (random() % 2 == 0) {
      disk_blocks[block] = blocks[block];
    } else {
      forgotten.insert(block);
    }
  }
  dirty.clear();
}

void SimDisk::Node::DropCache() {
  for (const size_t block : forgotten) blocks[block] = disk_blocks[block];
  forgotten.clear();
}

}  // namespace nightsafe
