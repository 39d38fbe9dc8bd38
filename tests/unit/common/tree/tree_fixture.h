// Trees in memory: a store for nodes and entries to put in them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/tree/builder.h"
#include "common/tree/cursor.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {

struct Listed {
  PathKey key;
  v1::format::Entry entry;
  FileExtents extents;
};

// Nodes by id, opened on each fetch, which is counted.
class NodeStore {
 public:
  NodeSink Sink() {
    return [this](SealedObject object) {
      order.push_back(object.ref.id);
      objects[object.ref.id] = std::move(object.bytes);
      return absl::OkStatus();
    };
  }
  NodeFetch Fetch() {
    return [this](const ObjectRef& ref) -> absl::StatusOr<FetchedNode> {
      ++fetches;
      const auto found = objects.find(ref.id);
      if (found == objects.end()) return absl::NotFoundError(ref.id.Hex());
      const ObjectView view = ParseObject(AsBytes(found->second)).value();
      FetchedNode node;
      for (size_t i = 0; i < view.ref_count(); ++i) {
        node.refs.push_back(view.ref(i));
      }
      NS_ASSIGN_OR_RETURN(node.plain,
                          opener_.Open(AsBytes(found->second), ref));
      return node;
    };
  }

  std::map<ObjectId, std::string> objects;
  std::vector<ObjectId> order;
  size_t fetches = 0;

 private:
  Opener opener_;
};

// A made-up data object; nothing fetches it.
inline ObjectRef DataRef(uint64_t number, uint32_t plain_length = 1 << 20) {
  const Hash32 hash = HashOf(AsBytes(absl::StrCat("data ", number)));
  return {ObjectId::FromValidBytes(hash), MessageKey::FromValidBytes(hash),
          plain_length};
}

inline Listed Directory(PathKey key) {
  Listed listed{.key = std::move(key)};
  listed.entry.set_name(listed.key.name);
  listed.entry.set_type(v1::format::DIRECTORY);
  listed.entry.set_mode(0755);
  return listed;
}

inline Listed File(PathKey key, FileExtents extents) {
  Listed listed{.key = std::move(key), .extents = std::move(extents)};
  listed.entry.set_name(listed.key.name);
  listed.entry.set_type(v1::format::REGULAR);
  listed.entry.set_mode(0644);
  listed.entry.set_size_bytes(TotalLength(listed.extents).value());
  return listed;
}

// A file of `length` bytes in a bundle that it shares with its neighbours.
inline Listed SmallFile(PathKey key, uint64_t number, uint64_t length = 1000) {
  return File(std::move(key), {{.object = DataRef(number / 50),
                                .offset = static_cast<uint32_t>(number % 50),
                                .length = length}});
}

inline absl::StatusOr<ObjectRef> BuildTree(const DomainKeys& keys,
                                           const std::vector<Listed>& entries,
                                           NodeStore& store) {
  Sealer sealer(keys);
  TreeBuilder builder(keys, sealer, store.Sink());
  for (const Listed& listed : entries) {
    NS_RETURN_IF_ERROR(builder.Add(listed.key, listed.entry.SerializeAsString(),
                                   FileBytes(listed.entry), listed.extents));
  }
  return builder.Finish();
}

// `count` files in directories of 20, in order.
inline std::vector<Listed> ManyFiles(uint64_t count) {
  std::vector<Listed> entries = {Directory({"", ""})};
  for (uint64_t i = 0; i < count; ++i) {
    entries.push_back(SmallFile(
        {absl::StrCat("/d", 1000000 + i / 20), absl::StrCat("f", 1000000 + i)},
        i));
  }
  return entries;
}

}  // namespace nightsafe
