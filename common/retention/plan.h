// Which snapshots of a host go by its policies, and why: pure, and the same on
// the server, on the admin's machine and in a replay of the journal.
//
// Only sequence, time of receipt and what the server measured count, never what
// a host says. Buckets are of UTC. A bucket that is over keeps its last
// ordinary snapshot; the present one its first and its last. A snapshot that is
// in doubt, or one more than the set makes as a rule, never takes the place of
// an ordinary one: both stay. Keyed sets go by the same rules, each name a
// snapshot: keep-within is what keeps all of a span.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/retention/policy.h"
#include "common/retention/suspicion.h"

namespace nightsafe {

// A snapshot that is neither expired nor purged.
struct LiveSnapshot {
  SnapshotId id;
  uint64_t sequence = 0;
  absl::Time received;
  bool extra = false;  // as its set's SetObserver said
  bool suspicious = false;
  // When an admin brought it back; the floor counts from there.
  absl::Time undeleted = absl::InfinitePast();
};

struct SetHistory {
  std::string set;
  RetentionPolicy policy;          // in force
  std::vector<LiveSnapshot> live;  // by sequence
  // As its SetObserver says, all snapshots considered, not only those alive.
  uint64_t suspect_since = 0;
  std::string suspicion;
  // The latest of the locks of vault, host and set.
  absl::Time locked_until = absl::InfinitePast();
  bool held = false;  // by an order for vault, host or set
};

struct HostHistory {
  std::string host;
  std::vector<SetHistory> sets;
};

// Why a snapshot stays.
enum class Keep : uint8_t {
  kNewest,  // the last ordinary one, and the last of all
  kLast,
  kHourly,
  kDaily,
  kWeekly,
  kMonthly,
  kYearly,
  kWithin,
  kFloor,      // younger than min-age
  kUndeleted,  // brought back less than min-age ago
  kLocked,
  kHeld,
};
struct Reason {
  Keep keep;
  // Of a bucket: its first, beside its last; or one more, beside the ordinary
  // one.
  enum class Part : uint8_t { kLast, kFirst, kBeside } part = Part::kLast;
};

struct Decision {
  LiveSnapshot snapshot;
  std::vector<Reason> reasons;  // empty: it goes

  bool keep() const { return !reasons.empty(); }
};
// "last of 2026-11-23, younger than 14d": for a person.
std::string ReasonText(const Decision& decision, const RetentionPolicy& policy);

struct SetPlan {
  std::string set;
  std::vector<Decision> decisions;  // by sequence
  // As its history says.
  uint64_t suspect_since = 0;
  std::string suspicion;

  uint64_t expiring() const;
};
// Never looks at other sets; O(n log n).
SetPlan PlanSet(const SetHistory& history, absl::Time now);

// Why nothing of a host may go without an admin who looked at it.
struct Refusal {
  enum class Kind {
    kSuspicious,  // not released
    kLargeShare,  // more than half of the host's snapshots
    kClock,       // the server's clock is in doubt
    kPolicy,      // what is in force must not be: ValidateEffective
  } kind;
  std::string message;  // what, both figures, what next
};

struct HostPlan {
  std::string host;
  std::vector<SetPlan> sets;
  std::vector<Refusal> refusals;

  uint64_t live() const;
  uint64_t expiring() const;
  // Of all sets, by sequence within each.
  std::vector<SnapshotId> ExpiringIds() const;
};
// `clock_doubt`: what ClockWatch says, or empty. A plan in which nothing goes
// is never refused for its share.
HostPlan PlanHost(const HostHistory& history, absl::Time now,
                  const std::string& clock_doubt);

}  // namespace nightsafe
