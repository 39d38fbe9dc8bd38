// A set's life for tests of retention: commits with their measures, judged as
// they come.
#pragma once

#include <set>
#include <vector>

#include "common/retention/plan.h"
#include "common/retention/suspicion.h"

namespace nightsafe {

inline constexpr absl::Duration kDay = absl::Hours(24);
// A Wednesday, the first of a month.
inline const absl::Time kStart = absl::FromUnixSeconds(1'698'796'800);
inline constexpr uint64_t kMiB = 1 << 20;

class SetStory {
 public:
  explicit SetStory(std::string set = "files") {
    history_.set = std::move(set);
  }

  // As most nights are: 2 % of 1 GiB anew.
  Observation Ordinary(absl::Time when) {
    return Commit({.received = when,
                   .new_bytes = 20 * kMiB,
                   .previous_bytes = 1024 * kMiB,
                   .kept_bytes = 1004 * kMiB,
                   .reached_bytes = 1024 * kMiB});
  }
  Observation Commit(Measures measures) {
    measures.sequence = ++sequence_;
    const Observation seen = observer_.Observe(measures, keyed);
    LiveSnapshot snapshot{.sequence = sequence_,
                          .received = measures.received,
                          .extra = seen.extra,
                          .suspicious = seen.suspicious()};
    for (size_t i = 0; i < sizeof(sequence_); ++i) {
      snapshot.id.bytes[i] = static_cast<std::byte>(sequence_ >> (8 * i));
    }
    history_.live.push_back(snapshot);
    return seen;
  }
  void Release(uint64_t sequence) { observer_.Release(sequence); }

  SetHistory history(const RetentionPolicy& policy) const {
    SetHistory history = history_;
    history.policy = policy;
    history.suspect_since = observer_.suspect_since();
    history.suspicion = observer_.suspicion();
    return history;
  }
  std::set<uint64_t> Kept(const RetentionPolicy& policy, absl::Time now) const {
    std::set<uint64_t> kept;
    for (const Decision& one : PlanSet(history(policy), now).decisions) {
      if (one.keep()) kept.insert(one.snapshot.sequence);
    }
    return kept;
  }
  // Expires what the plan says.
  void Prune(const RetentionPolicy& policy, absl::Time now) {
    const std::set<uint64_t> kept = Kept(policy, now);
    std::erase_if(history_.live, [&](const LiveSnapshot& snapshot) {
      return !kept.contains(snapshot.sequence);
    });
  }

  const std::vector<LiveSnapshot>& live() const { return history_.live; }
  std::vector<LiveSnapshot>& live() { return history_.live; }
  uint64_t sequence() const { return sequence_; }
  const SetObserver& observer() const { return observer_; }

  bool keyed = false;

 private:
  SetHistory history_;
  SetObserver observer_;
  uint64_t sequence_ = 0;
};

// Only what is written.
inline RetentionPolicy Nothing() {
  RetentionPolicy policy;
  policy.keep_daily = policy.keep_weekly = policy.keep_monthly = 0;
  policy.min_age = absl::ZeroDuration();
  return policy;
}

}  // namespace nightsafe
