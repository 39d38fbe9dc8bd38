// Where each stored object lies: a RocksDB in index/, the only one. Derived
// from packs and journals; may be deleted at any time while no server runs.
//
// The index never says more than is durable: callers write a location only
// after the pack it points into has been synced. It may say less after a power
// cut; IndexState tells how far it got, and start-up compares.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/object/object.h"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace nightsafe {

struct ObjectLocation {
  PackId pack;
  uint64_t offset = 0;  // of the object's first byte in the pack
  uint32_t length = 0;  // bytes
  ObjectKind kind = ObjectKind::kData;
  // Everything this node reaches was proved present in that generation of the
  // vault; 0: never.
  uint64_t closed_generation = 0;

  friend bool operator==(const ObjectLocation&,
                         const ObjectLocation&) = default;
};

struct IndexEntry {
  uint32_t domain_number = 0;
  ObjectId id;
  ObjectLocation location;
};

// One atomic change of a vault's part.
struct IndexBatch {
  std::vector<IndexEntry> objects;
  // Every object of the pack before that length is in the index.
  std::vector<std::pair<PackId, uint64_t>> indexed_lengths;
  // Applied after `objects`.
  std::vector<std::pair<uint32_t, ObjectId>> erased;
  // Records of the vault's journal when the batch was made; not 0.
  std::optional<uint64_t> journal_records;
};

struct IndexState {
  uint64_t journal_records = 0;  // 0: nothing, or a rebuild that did not end
  absl::flat_hash_map<PackId, uint64_t> indexed_lengths;
};

// Where the database's files are; empty: on the real file system.
using IndexEnvFactory = std::function<std::unique_ptr<rocksdb::Env>()>;

// Thread-safe.
class ObjectIndex {
 public:
  // Makes `directory`'s database if there is none. FAILED_PRECONDITION if it
  // cannot be opened; the message says to rebuild.
  static absl::StatusOr<std::unique_ptr<ObjectIndex>> Open(
      absl::string_view directory, const IndexEnvFactory& env = {});
  // Lives and dies with the object; writes no file.
  static absl::StatusOr<std::unique_ptr<ObjectIndex>> OpenInMemory();
  // Removes the database in `directory`. OK if there is none.
  static absl::Status Destroy(absl::string_view directory,
                              const IndexEnvFactory& env = {});
  // No database was ever made in `directory`, or it was deleted.
  static bool IsAbsent(absl::string_view directory);
  ~ObjectIndex();

  // One answer for each id, in order; nothing if it is not in the index.
  absl::StatusOr<std::vector<std::optional<ObjectLocation>>> Find(
      const VaultId& vault, uint32_t domain_number,
      std::span<const ObjectId> ids) const;

  // Atomic. Durable when it returns, if `sync`; else by the next synced write.
  // RESOURCE_EXHAUSTED: the disk is full; a later call may find room, and what
  // this one would have written may be there or not.
  absl::Status Write(const VaultId& vault, const IndexBatch& batch, bool sync);

  absl::StatusOr<IndexState> State(const VaultId& vault) const;

  // Every entry of the vault, by domain and id, as of the call; stops with the
  // first error of `take`.
  absl::Status ForEach(
      const VaultId& vault,
      const std::function<absl::Status(const IndexEntry&)>& take) const;

  // Forgets all about the vault. Durable when it returns.
  absl::Status Erase(const VaultId& vault);

 private:
  ObjectIndex(std::unique_ptr<rocksdb::Env> env, absl::string_view directory);
  static absl::StatusOr<std::unique_ptr<ObjectIndex>> OpenIn(
      std::unique_ptr<rocksdb::Env> env, absl::string_view directory);
  absl::Status OpenDatabase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After a full disk: RocksDB refuses all writes until it is opened again.
  // RESOURCE_EXHAUSTED: still no room; reads go on.
  absl::Status OpenAgain() ABSL_LOCKS_EXCLUDED(mutex_);
  // For the length of one call.
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> Database() const
      ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<rocksdb::Env> env_;  // null: the default; outlives db_
  const std::string directory_;
  mutable absl::Mutex mutex_;
  // Null if it could not be opened again.
  std::shared_ptr<rocksdb::DB> db_ ABSL_GUARDED_BY(mutex_);
  // A write found no space.
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nightsafe
