// What about a snapshot is out of the ordinary, by what the server measured and
// the set's own history alone. No I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "absl/time/time.h"

namespace nightsafe {

// Of one commit, by the server.
struct Measures {
  uint64_t sequence = 0;  // rising
  absl::Time received;    // rising
  uint64_t new_bytes = 0;
  // Of the set's snapshot before; 0: not known, or there is none.
  uint64_t previous_bytes = 0;
  uint64_t kept_bytes = 0;
  uint64_t reached_bytes = 0;  // 0: not known
};

struct Observation {
  // More often than this set is deposited as a rule. It takes no place that an
  // ordinary snapshot could have, and is nothing to worry about.
  bool extra = false;
  // What a person should look at before anything of the host expires, with the
  // figures. Empty: nothing.
  std::string suspicion;

  bool suspicious() const { return !suspicion.empty(); }
};

// Judges the snapshots of one set, one after the other. The same calls give the
// same answers. Snapshots of keyed sets are never suspicious: each name has
// content of its own. Thread-compatible.
class SetObserver {
 public:
  Observation Observe(const Measures& snapshot, bool keyed);

  // An admin looked at all up to this sequence: they are the new measure.
  void Release(uint64_t sequence);
  // Sequence of the first suspicious snapshot that was not released; 0: none.
  // All that came after it is in doubt as well.
  uint64_t suspect_since() const {
    return pending_.empty() ? 0 : pending_.front().measures.sequence;
  }
  // Why that one is suspicious; empty if none is.
  std::string suspicion() const {
    return pending_.empty() ? "" : pending_.front().suspicion;
  }

 private:
  struct Pending {
    Measures measures;
    std::string suspicion;  // empty: it only comes after one
    bool flood = false;     // suspicious for how many there were that day
  };

  struct Day {
    int64_t snapshots = 0;
    int64_t gap = 0;  // days to the next one
  };
  // Counts the snapshot; true: it is one more than usual.
  bool Count(absl::Time received);
  void RememberDay(const Day& day);
  // The value that was usual over the time these days stand for.
  int64_t Usual(int64_t Day::*value) const;
  std::string JudgePace() const;
  std::string Judge(const Measures& snapshot) const;
  void Learn(const Measures& snapshot);

  // Of the last ordinary snapshots.
  std::deque<uint64_t> new_bytes_;
  std::deque<uint64_t> reached_bytes_;
  std::deque<double> kept_share_;
  // From the first suspicious one on.
  std::deque<Pending> pending_;
  // Of the last UTC days with any.
  std::deque<Day> days_;
  int64_t remembered_days_ = 0;  // that they stand for
  int64_t day_ = 0;              // of the last snapshot, if there is one
  int64_t today_ = 0;
  int64_t last_ordinary_day_ = 0;
};

}  // namespace nightsafe
