// What deposits may still write before the disk's reserve is touched.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/io/file_system.h"

namespace nightsafe {

// Thread-compatible.
class FreeSpace {
 public:
  // Of the file system of `directory`. The reserve is the larger one of
  // `reserve_bytes` and `reserve_share` of the whole. Borrows `fs`.
  FreeSpace(FileSystem& fs, absl::string_view directory, uint64_t reserve_bytes,
            double reserve_share);

  // Before so much is written. RESOURCE_EXHAUSTED: it would leave less than the
  // reserve. Asks the file system only now and then.
  absl::Status Spend(uint64_t bytes);
  // A write found less than was thought: the next Spend asks again.
  void Forget() { spendable_bytes_ = 0; }

 private:
  FileSystem& fs_;
  const std::string directory_;
  const uint64_t reserve_bytes_;
  const double reserve_share_;
  uint64_t spendable_bytes_ = 0;
};

}  // namespace nightsafe
