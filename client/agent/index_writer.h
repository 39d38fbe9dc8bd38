// Writes an index beside the walk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/agent/index_format.h"
#include "common/crypto/blake3.h"
#include "common/io/file_system.h"
#include "common/tree/extent.h"

namespace nightsafe {

// An extent and the fingerprint of its bytes (zero for a hole).
struct IndexedExtent {
  FileExtent extent;
  Fingerprint fingerprint;
};

struct IndexedEntry {
  absl::string_view directory;
  absl::string_view name;
  absl::string_view entry;  // serialised format.Entry
  FileStamp stamp;
  // When its content (or metadata) was read, in Unix seconds; 0: it may have
  // changed while it was read, so it counts as changed next time.
  int64_t read_at = 0;
  uint64_t link_group = 0;
};

// Not thread-safe. The file is a cache: it is not synced, and the first failed
// write is kept and returned by Finish, so that a full disk costs the next run
// a full read and not this run.
class IndexWriter {
 public:
  IndexWriter(FileSystem& fs, const std::string& path,
              const IndexIdentity& identity, const DomainKeys& keys);
  ~IndexWriter();

  // In path-key order.
  void Add(const IndexedEntry& entry,
           const std::vector<IndexedExtent>& extents);
  // A node of the snapshot.
  void AddNode(const ObjectId& id);
  // Ends the file as the index of `snapshot`.
  absl::Status Finish(const SnapshotId& snapshot);

 private:
  struct Object {
    ObjectRef ref;
    uint64_t live_bytes = 0;
  };
  uint32_t NumberOf(const FileExtent& extent);
  void PutExtent(const IndexedExtent& extent);
  void Append(absl::string_view bytes);
  void WriteBuffer();

  Blake3 mac_;
  std::unique_ptr<File> file_;
  absl::Status status_;
  std::string buffer_;
  std::string record_;
  uint64_t written_ = 0;
  std::string directory_;
  bool any_directory_ = false;
  std::vector<Object> objects_;
  absl::flat_hash_map<ObjectId, uint32_t> numbers_;
  std::vector<std::pair<uint64_t, uint64_t>> fingerprints_;
  std::vector<ObjectId> nodes_;
};

}  // namespace nightsafe
