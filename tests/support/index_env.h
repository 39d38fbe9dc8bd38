// The object index's database on a common/io file system, so that its files
// suffer power cuts and faults like all others.
#pragma once

#include <rocksdb/env.h>

#include <memory>

#include "common/io/file_system.h"

namespace nightsafe {

// What RocksDB would compact in the background waits until RunBackground, so
// that a run on one thread makes the same calls each time. Flushes after a full
// disk do run on a thread of their own; the info log is not written.
class IndexEnv : public rocksdb::EnvWrapper {
 public:
  // Runs, on this thread, some of what waits.
  virtual void RunBackground() = 0;

 protected:
  using EnvWrapper::EnvWrapper;
};

// Borrows `fs`.
std::unique_ptr<IndexEnv> NewIndexEnv(FileSystem& fs);

}  // namespace nightsafe
