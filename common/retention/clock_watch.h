// Whether the server's clock can be believed, by the times of a journal.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace nightsafe {

// A gap, or a time before the last record's, puts the clock in doubt until an
// order whose own time, of the admin's clock, is near confirms it. Thread-
// compatible.
class ClockWatch {
 public:
  static constexpr absl::Duration kMaxGap = absl::Hours(36);

  // Every record of the journal, in order.
  void Observe(absl::Time record);
  // A genuine order was journalled: `issued` is its own time.
  void Confirm(absl::Time record, absl::Time issued);
  // Why nothing should expire by itself now; empty if the clock is fine. The
  // first record is compared with nothing.
  std::string Doubt(absl::Time now) const;

 private:
  absl::Time last_ = absl::InfinitePast();
  absl::Time gap_from_ = absl::InfinitePast();
  absl::Time gap_to_ = absl::InfinitePast();  // InfinitePast: no doubt
};

}  // namespace nightsafe
