// What deposits may still write before the disk's reserve is touched, and
// commits before what of it is left for the admin's records.
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
  absl::Status Spend(uint64_t bytes) { return Spend(bytes, puts_); }
  // The same for manifests: commits of what is stored go on, until three
  // quarters of the reserve are used up.
  absl::Status SpendOnCommit(uint64_t bytes) { return Spend(bytes, commits_); }
  // A write found less than was thought: the next Spend asks again.
  void Forget() { puts_.spendable_bytes = commits_.spendable_bytes = 0; }

 private:
  struct Purpose {
    double share_of_reserve;  // that stays
    uint64_t spendable_bytes = 0;
  };

  absl::Status Spend(uint64_t bytes, Purpose& purpose);

  FileSystem& fs_;
  const std::string directory_;
  const uint64_t reserve_bytes_;
  const double reserve_share_;
  Purpose puts_{.share_of_reserve = 1};
  Purpose commits_{.share_of_reserve = 0.25};
};

}  // namespace nightsafe
