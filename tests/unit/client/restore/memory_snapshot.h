// A snapshot sealed in memory, as an agent would deposit it, and a server that
// answers from it - also wrongly, if a test says so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "client/restore/object_source.h"
#include "common/crypto/domain_keys.h"
#include "common/object/sealer.h"
#include "common/snapshot/manifest.h"
#include "common/tree/builder.h"
#include "nightsafe/v1/format/entry.pb.h"

namespace nightsafe {

v1::format::Entry MakeEntry(v1::format::EntryType type, uint32_t mode);

class MemorySnapshot {
 public:
  MemorySnapshot();

  // Contents are cut into objects of `chunk_bytes`; 64 KiB blocks of zeroes are
  // holes.
  void Add(const std::string& path, v1::format::Entry entry,
           const std::string& content = "", size_t chunk_bytes = 1 << 20);
  void AddWithExtents(const std::string& path, v1::format::Entry entry,
                      FileExtents extents);
  ObjectRef SealData(const std::string& plain);
  // The tree of all that was added, with true statistics.
  OpenedManifest Finish();

  // Thread-safe; borrows this.
  ObjectFetch Fetch();

  absl::flat_hash_map<ObjectId, std::string>& objects() { return objects_; }
  // Ids of data objects, in the order they were sealed.
  const std::vector<ObjectId>& data() const { return data_; }
  const std::vector<ObjectId>& nodes() const { return nodes_; }
  size_t fetched(const ObjectId& id) {
    absl::MutexLock lock(&mutex_);
    return fetched_[id];
  }
  absl::flat_hash_set<ObjectId> unreadable;

 private:
  struct Added {
    v1::format::Entry entry;
    FileExtents extents;
  };
  DomainKeys keys_;
  Sealer sealer_;
  std::map<PathKey, Added> added_;
  absl::flat_hash_map<ObjectId, std::string> objects_;
  std::vector<ObjectId> data_;
  std::vector<ObjectId> nodes_;
  absl::Mutex mutex_;
  absl::flat_hash_map<ObjectId, size_t> fetched_;
};

}  // namespace nightsafe
