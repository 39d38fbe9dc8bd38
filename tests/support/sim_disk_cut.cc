// Copies of a SimDisk: as a kill leaves it, and as a power cut may.
#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "tests/support/sim_disk_node.h"

namespace nightsafe {

// Draws one of the disks that a power cut may leave; lives for one call.
class PowerCut {
 public:
  explicit PowerCut(std::mt19937_64& random) : random_(random) {
    // All kept, nothing kept, and anything between.
    constexpr std::array<unsigned, 8> kShares = {0, 5, 25, 50, 50, 75, 95, 100};
    share_ = kShares[random_() % kShares.size()];
  }

  std::shared_ptr<SimDisk::Node> Draw(SimDisk::Node& root) {
    Choose(root);
    KeepRenamesWhole();
    return Copy(root);
  }
  uint64_t lost() const { return lost_; }

 private:
  using Node = SimDisk::Node;
  using Name = SimDisk::Name;

  bool Keep() { return random_() % 100 < share_; }
  // How many of the first `count` changes are on the disk.
  size_t Kept(size_t count) {
    if (count == 0 || Keep()) return count;
    return static_cast<size_t>(random_() % count);
  }

  // For every name of every directory: how many of its changes are kept.
  void Choose(Node& directory) {
    if (!seen_.emplace(&directory, true).second) return;
    for (auto& [text, name] : directory.names) {
      kept_[&name] = Kept(name.unsynced.size());
      if (name.on_disk != nullptr) Visit(*name.on_disk);
      for (const SimMeaning& meaning : name.unsynced) {
        if (meaning.node != nullptr) Visit(*meaning.node);
        if (const auto other = meaning.new_directory.lock()) {
          renames_.push_back({&name, meaning.rename, other, meaning.new_name});
        }
      }
    }
  }
  void Visit(Node& node) {
    if (node.is_directory) Choose(node);
  }

  void KeepRenamesWhole() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const MadeRename& rename : renames_) {
        if (Place(*rename.old_name, rename.number) >= kept_[rename.old_name]) {
          continue;  // the old name is still there
        }
        const auto it = rename.directory->names.find(rename.new_name);
        if (it == rename.directory->names.end()) continue;
        const size_t place = Place(it->second, rename.number);
        size_t& kept = kept_[&it->second];
        if (place == it->second.unsynced.size() || place < kept) continue;
        kept = place + 1;
        changed = true;
      }
    }
  }
  static size_t Place(const Name& name, uint64_t rename) {
    const auto it =
        std::find_if(name.unsynced.begin(), name.unsynced.end(),
                     [&](const SimMeaning& m) { return m.rename == rename; });
    return static_cast<size_t>(it - name.unsynced.begin());
  }

  std::shared_ptr<Node> Copy(Node& node) {
    std::shared_ptr<Node>& copy = copies_[&node];
    if (copy != nullptr) return copy;
    copy = std::make_shared<Node>();
    const std::shared_ptr<Node> made = copy;
    made->is_directory = node.is_directory;
    if (node.is_directory) {
      CopyNames(node, *made);
    } else {
      CopyData(node, *made);
    }
    return made;
  }

  void CopyNames(Node& node, Node& copy) {
    for (auto& [text, name] : node.names) {
      const size_t kept = kept_[&name];
      lost_ += name.unsynced.size() - kept;
      const auto& meaning =
          kept == 0 ? name.on_disk : name.unsynced[kept - 1].node;
      if (meaning == nullptr) continue;
      Name& copied = copy.names[text];
      copied.now = copied.on_disk = Copy(*meaning);
    }
  }

  void CopyData(const Node& node, Node& copy) {
    copy.size = DrawSize(node);
    copy.blocks = node.disk_blocks;
    copy.blocks.resize(
        static_cast<size_t>((copy.size + kSimBlockBytes - 1) / kSimBlockBytes));
    for (const auto& [block, versions] : node.dirty) {
      if (block >= copy.blocks.size()) {
        ++lost_;
        continue;
      }
      copy.blocks[block] = DrawBlock(copy.blocks[block], versions);
    }
    const size_t tail = static_cast<size_t>(copy.size % kSimBlockBytes);
    if (tail > 0 && copy.blocks.back() != nullptr) {
      auto cut = std::make_shared<SimBlock>(*copy.blocks.back());
      std::memset(cut->data() + tail, 0, kSimBlockBytes - tail);
      copy.blocks.back() = std::move(cut);
    }
    copy.disk_size = copy.size;
    copy.disk_blocks = copy.blocks;
  }

  uint64_t DrawSize(const Node& node) {
    const size_t kept = Kept(node.dirty_sizes.size());
    const uint64_t size =
        kept == 0 ? node.disk_size : node.dirty_sizes[kept - 1];
    if (kept == node.dirty_sizes.size()) return size;
    ++lost_;
    // A part of the next write, to the end of some block of it.
    const uint64_t next = node.dirty_sizes[kept];
    const uint64_t part = size + random_() % (next - size);
    return std::max(size, part / kSimBlockBytes * kSimBlockBytes);
  }

  SimBlockPtr DrawBlock(const SimBlockPtr& old,
                        const std::vector<SimBlockPtr>& versions) {
    if (Keep()) return versions.back();
    ++lost_;
    if (random_() % 2 == 0) return old;
    auto torn = std::make_shared<SimBlock>();
    for (size_t at = 0; at < kSimBlockBytes; at += kSimSectorBytes) {
      const size_t choice =
          static_cast<size_t>(random_() % (versions.size() + 1));
      const SimBlockPtr& version = choice == 0 ? old : versions[choice - 1];
      if (version == nullptr) continue;
      std::memcpy(torn->data() + at, version->data() + at, kSimSectorBytes);
    }
    return torn;
  }

  struct MadeRename {
    Name* old_name;
    uint64_t number;
    std::shared_ptr<Node> directory;
    std::string new_name;
  };

  std::mt19937_64& random_;
  unsigned share_ = 0;  // of what is unsynced that is kept, in per cent
  uint64_t lost_ = 0;
  absl::flat_hash_map<Node*, bool> seen_;
  absl::flat_hash_map<Name*, size_t> kept_;
  std::vector<MadeRename> renames_;
  absl::flat_hash_map<Node*, std::shared_ptr<Node>> copies_;
};

std::unique_ptr<SimDisk> SimDisk::AfterPowerCut(std::mt19937_64& random,
                                                uint64_t* lost) const {
  auto disk = std::make_unique<SimDisk>(random());
  PowerCut cut(random);
  absl::MutexLock lock(&mutex_);
  absl::MutexLock new_lock(&disk->mutex_);
  disk->root_ = cut.Draw(*root_);
  disk->defects_ = defects_;
  disk->names_with_data_ = names_with_data_;
  if (lost != nullptr) *lost = cut.lost();
  return disk;
}

std::unique_ptr<SimDisk> SimDisk::AfterKill() const {
  absl::MutexLock lock(&mutex_);
  auto disk = std::make_unique<SimDisk>(std::mt19937_64(random_)());
  absl::MutexLock new_lock(&disk->mutex_);
  absl::flat_hash_map<const Node*, NodePtr> copies;
  const std::function<NodePtr(const NodePtr&)> copy =
      [&](const NodePtr& node) -> NodePtr {
    if (node == nullptr) return nullptr;
    if (const auto it = copies.find(node.get()); it != copies.end()) {
      return it->second;
    }
    const NodePtr made = copies[node.get()] = std::make_shared<Node>(*node);
    for (auto& [text, name] : made->names) {
      name.now = copy(name.now);
      name.on_disk = copy(name.on_disk);
      for (SimMeaning& meaning : name.unsynced) {
        meaning.node = copy(meaning.node);
        meaning.new_directory = copy(meaning.new_directory.lock());
      }
    }
    return made;
  };
  disk->root_ = copy(root_);
  disk->renames_ = renames_;
  disk->defects_ = defects_;
  disk->names_with_data_ = names_with_data_;
  return disk;
}

}  // namespace nightsafe
