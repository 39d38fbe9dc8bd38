// Reads objects out of a vault's packs, with a few packs kept open.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"
#include "server/pack/pack_reader.h"
#include "server/store/object_index.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// Thread-safe; no I/O under its lock.
class PackReaders {
 public:
  PackReaders(FileSystem& fs, const VaultPaths& paths)
      : fs_(fs), paths_(paths) {}

  // The object's bytes, whose hash was compared with `id`. UNAVAILABLE: cannot
  // be read now. DATA_LOSS: what is stored is wrong, also when read past the
  // cache.
  absl::StatusOr<std::string> Read(const ObjectId& id,
                                   const ObjectLocation& location);
  // Does not keep it open any more, so that its room is free when it is
  // unlinked.
  void Forget(const PackId& pack);

 private:
  struct Slot {
    std::shared_ptr<PackReader> reader;
    std::list<PackId>::iterator used;
  };
  absl::StatusOr<std::shared_ptr<PackReader>> Open(const PackId& pack);
  absl::StatusOr<std::shared_ptr<PackReader>> OpenFile(const PackId& pack);

  FileSystem& fs_;
  const VaultPaths paths_;
  absl::Mutex mutex_;
  absl::flat_hash_map<PackId, Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::list<PackId> by_use_ ABSL_GUARDED_BY(mutex_);  // latest first
};

}  // namespace nightsafe
