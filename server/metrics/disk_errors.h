// A file system that counts the calls that fail on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/io/file_system.h"

namespace nightsafe {

// Since the server started. Thread-safe.
struct DiskErrors {
  std::atomic<uint64_t> reads = 0;
  std::atomic<uint64_t> writes = 0;  // and whatever else changes something
  std::atomic<uint64_t> syncs = 0;
};

// Passes every call on. A missing file, one that exists already, and a lock
// that is held are answers, not errors. Borrows both; they outlive its files.
std::unique_ptr<FileSystem> CountDiskErrors(FileSystem& base,
                                            DiskErrors& errors);

}  // namespace nightsafe
