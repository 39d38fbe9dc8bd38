// What was met on a walk, to be held against the signed statistics.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "nightsafe/v1/format/entry.pb.h"
#include "nightsafe/v1/format/manifest.pb.h"

namespace nightsafe {

struct Totals {
  uint64_t entries = 0;
  uint64_t files = 0;
  uint64_t directories = 0;
  uint64_t file_bytes = 0;

  void Add(const v1::format::Entry& entry);
};

// DATA_LOSS names the first figure that differs, and both numbers.
absl::Status CheckTotals(const Totals& found,
                         const v1::format::Statistics& statistics);

}  // namespace nightsafe
