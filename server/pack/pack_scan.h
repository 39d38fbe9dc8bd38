// Finds what is valid in a pack, whatever happened to it: for recovery after an
// unclean stop, rebuild and rescue.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/pack/format.h"

namespace nightsafe {

// Bytes between valid records that are none.
struct DamagedRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct PackScan {
  PackIdentity identity;
  uint64_t records = 0;  // valid ones
  // Every byte before this is header or valid records (from `from` on).
  uint64_t prefix_length = 0;
  // End of the last valid record; more than prefix_length if valid records
  // follow damaged ones.
  uint64_t valid_length = 0;
  // Bytes looked at: the end of the file, or the limit.
  uint64_t scanned_length = 0;
  // Bytes that could not be read now, and why: of what lies there nothing is
  // known. They are counted as damaged too.
  uint64_t unreadable_bytes = 0;
  absl::Status unreadable;
  // At most kMaxDamagedRanges, those before valid_length only. What follows
  // valid_length is a torn tail.
  std::vector<DamagedRange> damaged;
  uint64_t damaged_bytes = 0;  // of all damaged ranges

  bool torn() const { return valid_length < scanned_length; }
};

inline constexpr size_t kMaxDamagedRanges = 1024;

// Gets each valid record; the view ends with the call.
using PackScanCallback =
    std::function<absl::Status(const PackEntry& entry, ByteView object)>;

// Reads records between `from` (0, or where one begins) and the end of the
// file or `limit`, whichever is first, and calls `take` for each whose header
// and id are right, in order. After damage it goes on at the next record that
// it can find, so a flipped bit costs one record. Where the disk cannot be read
// it goes on behind, in steps that grow while they fail. Time is linear in the
// length, memory bounded by about two objects, whatever the bytes.
//
// If the pack's header is damaged the first record tells the marker, and
// `identity` says nothing else. DATA_LOSS: that one is damaged too, or there is
// none: nothing can be found. UNAVAILABLE: the header cannot be read now.
// Errors of `take` end the scan.
absl::StatusOr<PackScan> ScanPack(const File& file, uint64_t from,
                                  uint64_t limit, const PackScanCallback& take);

}  // namespace nightsafe
