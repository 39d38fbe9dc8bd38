// The input is up to 16 nodes of a snapshot tree that refer to later ones; what
// a node claims of those below it is put right, claim by claim, or left as it
// is. A walk ends, gives entries in order, and each of them is found again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/tree/cursor.h"
#include "google/protobuf/stubs/logging.h"
#include "nightsafe/v1/format/node.pb.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

using v1::format::Node;

constexpr size_t kNodes = 16;
// A few nodes can hold 2^60 entries.
constexpr size_t kMaxSteps = 1000;
constexpr size_t kMaxFinds = 50;

// Claims that are left as they are.
enum Claim : uint64_t {
  kLevel = 1,
  kFirst = 2,
  kEntries = 4,
  kFileBytes = 8,
  kLength = 16
};

ObjectId IdOf(size_t node) {
  ObjectId id;
  id.bytes[0] = static_cast<std::byte>(node);
  return id;
}

class Graph {
 public:
  explicit Graph(FuzzInput& input) {
    struct Raw {
      uint64_t left;  // of enum Claim
      uint64_t refs;
      Node node;
    };
    std::vector<Raw> raw;
    while (raw.size() < kNodes && !input.done()) {
      Raw& one = raw.emplace_back();
      one.left = input.Number();
      one.refs = input.Number(2);
      if (!one.node.ParseFromString(input.Text(2))) one.node.Clear();
    }
    nodes_.resize(raw.size());
    for (size_t i = raw.size(); i-- > 0;) {
      Refer(i, raw[i].refs, raw[i].node);
      Mend(nodes_[i].refs, raw[i].left, raw[i].node);
      raw[i].node.SerializeToString(&nodes_[i].plain);
    }
  }

  ObjectRef Root() const { return RefOf(0); }
  absl::StatusOr<FetchedNode> Fetch(const ObjectRef& ref) const {
    const auto node = std::to_integer<size_t>(ref.id.bytes[0]);
    if (node >= nodes_.size()) return absl::NotFoundError("no such node");
    return nodes_[node];
  }

 private:
  ObjectRef RefOf(size_t node) const {
    ObjectRef ref{.id = IdOf(node)};
    if (node < nodes_.size()) {
      ref.plain_length = static_cast<uint32_t>(nodes_[node].plain.size());
    }
    return ref;
  }

  void Refer(size_t i, uint64_t refs, Node& node) {
    node.clear_keys();
    node.clear_plain_lengths();
    for (size_t j = i + 1; j <= kNodes; ++j) {
      if ((refs >> (j - 1) & 1) == 0) continue;
      nodes_[i].refs.push_back(IdOf(j));
      node.mutable_keys()->append(32, '\0');
      node.add_plain_lengths(RefOf(j).plain_length);
    }
  }

  // The node that a stored number stands for, if there is one.
  const FetchedNode* Below(const std::vector<ObjectId>& refs,
                           uint32_t number) const {
    if (number == 0 || number > refs.size()) return nullptr;
    const auto node = std::to_integer<size_t>(refs[number - 1].bytes[0]);
    return node < nodes_.size() ? &nodes_[node] : nullptr;
  }

  void Mend(const std::vector<ObjectId>& refs, uint64_t left,
            Node& node) const {
    if (node.has_inner()) {
      for (v1::format::Child& child :
           *node.mutable_inner()->mutable_children()) {
        const FetchedNode* below = Below(refs, child.object());
        if (below == nullptr) continue;
        const auto decoded = DecodeTreeNode(*below);
        if (!decoded.ok()) continue;
        if ((left & kLevel) == 0) node.set_level(decoded->level + 1);
        if ((left & kFirst) == 0) {
          child.set_first_path(decoded->first().directory);
          child.set_first_name(decoded->first().name);
        }
        if ((left & kEntries) == 0) child.set_entries(decoded->entry_count);
        if ((left & kFileBytes) == 0) {
          child.set_file_bytes(decoded->file_bytes);
        }
      }
    } else if (node.has_extents()) {
      for (v1::format::ExtentChild& child :
           *node.mutable_extents()->mutable_children()) {
        const FetchedNode* below = Below(refs, child.object());
        if (below == nullptr) continue;
        const auto decoded = DecodeExtentNode(*below);
        if (!decoded.ok()) continue;
        if ((left & kLevel) == 0) node.set_level(decoded->level + 1);
        if ((left & kLength) == 0) child.set_length(decoded->length);
      }
    } else if (node.has_leaf() && (left & kLength) == 0) {
      for (auto& run : *node.mutable_leaf()->mutable_runs()) {
        const int size = std::min(run.entries_size(), run.extents_size());
        for (int i = 0; i < size; ++i) {
          MendEntry(refs, run.extents(i), *run.mutable_entries(i));
        }
      }
    }
  }

  void MendEntry(const std::vector<ObjectId>& refs,
                 const v1::format::Extents& extents, std::string& bytes) const {
    v1::format::Entry entry;
    if (!entry.ParseFromString(bytes) || !HasContent(entry)) return;
    uint64_t size = 0;
    for (const auto& extent : extents.inline_()) size += extent.length();
    if (const FetchedNode* below = Below(refs, extents.subtree())) {
      const auto decoded = DecodeExtentNode(*below);
      if (decoded.ok()) size += decoded->length;
    }
    entry.set_size_bytes(size);
    entry.SerializeToString(&bytes);
  }

  std::vector<FetchedNode> nodes_;
};

class Walk {
 public:
  explicit Walk(const Graph& graph)
      : root_(graph.Root()),
        fetch_([&graph](const ObjectRef& ref) { return graph.Fetch(ref); }) {}

  void Run() {
    TreeCursor cursor(root_, fetch_);
    while (++steps_ < kMaxSteps) {
      const auto next = cursor.Next();
      if (!next.ok()) {
        NS_CHECK(absl::IsDataLoss(next.status()) ||
                 absl::IsNotFound(next.status()));
        // The position is unchanged: it says the same again.
        NS_CHECK(cursor.Next().status() == next.status());
        break;
      }
      if (!next->has_value()) break;
      const TreeEntry& entry = **next;
      NS_CHECK(keys_.empty() || keys_.back() < entry.key);
      NS_CHECK(IsValidPathKey(entry.key.directory, entry.key.name));
      NS_CHECK(CheckEntry(entry.entry).ok());
      keys_.push_back(entry.key);
      CheckExtents(entry);
    }
    Find();
  }

 private:
  void CheckExtents(const TreeEntry& entry) {
    const uint64_t size =
        HasContent(entry.entry) ? entry.entry.size_bytes() : 0;
    uint64_t length = 0;
    const absl::Status status =
        ReadExtents(entry, fetch_, [&](const FileExtent& extent) {
          NS_CHECK(CheckExtent(extent).ok());
          NS_CHECK(extent.length <= size - length);
          length += extent.length;
          return ++steps_ < kMaxSteps ? absl::OkStatus()
                                      : absl::CancelledError("enough");
        });
    if (status.ok()) NS_CHECK(length == size);
  }

  void Find() {
    TreeCursor cursor(root_, fetch_);
    for (size_t i = std::min(keys_.size(), kMaxFinds); i-- > 0;) {
      const auto found = cursor.Find(keys_[i]);
      NS_CHECK(found.ok() && found->key == keys_[i]);
    }
    const auto none = cursor.Find({"/no/such", "entry"});
    NS_CHECK(!none.ok() || none->key.name == "entry");
  }

  const ObjectRef root_;
  const NodeFetch fetch_;
  std::vector<PathKey> keys_;
  size_t steps_ = 0;
};

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  FuzzInput input(data, size);
  const Graph graph(input);
  Walk(graph).Run();
  return 0;
}
