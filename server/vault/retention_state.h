// What orders and prunes did to the snapshots of a vault: admin keys, policies,
// locks, holds, life and death. Part of VaultState. No I/O.
//
// A record that the rules do not allow changes nothing, whoever wrote it; it is
// named in forged(). The rules are part of the journal's format
// (server/vault/FORMAT.md): what they once allowed they must allow for ever.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/retention/clock_watch.h"
#include "common/retention/plan.h"
#include "common/retention/policy_history.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "nightsafe/v1/format/order.pb.h"
#include "server/vault/journal_clock.h"
#include "server/vault/order_book.h"
#include "server/vault/set_histories.h"
#include "server/vault/snapshot_info.h"
#include "server/vault/vault_keys.h"

namespace nightsafe {

// A record that changed nothing.
struct ForgedRecord {
  uint64_t number = 0;  // in the vault's journal, from 1
  absl::Time time;
  std::string reason;
};
inline constexpr size_t kMaxNamedForged = 100;

struct HoldState {
  absl::Time since;
  std::string reason;
};

// Thread-compatible.
class RetentionState {
 public:
  using VaultRecord = v1::format::VaultRecord;
  using SignedOrder = v1::format::SignedOrder;
  using Ordered = VaultRecord::Ordered;

  // Whose orders count, from the vault's first record.
  void Begin(const VaultRecord::VaultInit& init) {
    orders_.Begin(init);
    keys_.Begin(init);
  }
  // Comes before what the record says is carried out.
  void Advance(absl::Time record_time);
  void Add(SnapshotInfo info, bool keyed);

  // The order, if a record of it made at `now` would be carried out. Else, for
  // a person: PERMISSION_DENIED: not signed by an admin key, or for another
  // server or vault; ALREADY_EXISTS: it was carried out before;
  // FAILED_PRECONDITION, NOT_FOUND, INVALID_ARGUMENT: the rules do not allow
  // it.
  absl::StatusOr<v1::format::Order> CheckOrder(const Ordered& ordered,
                                               absl::Time now) const;
  // By the policies in force.
  HostPlan PlanOf(const std::string& host, absl::Time now) const;
  // What of that plan an unattended prune lets go: nothing if it is refused.
  std::vector<SnapshotId> GoingBy(const HostPlan& plan, absl::Time now) const;
  // Hosts with a snapshot that is not purged.
  std::vector<std::string> Hosts() const { return histories_.Hosts(); }
  // Expired ones whose trash time has passed, by sequence.
  std::vector<SnapshotId> DueForPurge(absl::Time now) const;

  // What is not allowed is added to forged(), with `number`.
  void ApplyOrdered(const Ordered& ordered, uint64_t number);
  // Made with the vault.
  void ApplyKeyring(const std::string& sealed, uint64_t number);
  void ApplyTombstoned(const VaultRecord::Tombstoned& record, uint64_t number);
  void ApplyPurged(const VaultRecord::Purged& record, uint64_t number);
  void Report(uint64_t number, absl::string_view reason);

  // By sequence, from 1.
  const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }
  // Null if there is none.
  const SnapshotInfo* Find(const SnapshotId& id) const;
  const PolicyHistory& policies() const { return policies_; }
  // Also those that have ended.
  const std::map<SetScope, absl::Time>& locks() const { return locks_; }
  const std::map<SetScope, HoldState>& holds() const { return holds_; }
  const VaultKeys& keys() const { return keys_; }
  const OrderBook& orders() const { return orders_; }
  // The first kMaxNamedForged of them.
  const std::vector<ForgedRecord>& forged() const { return forged_; }
  uint64_t forged_records() const { return forged_records_; }
  const ClockWatch& clock_watch() const { return clock_watch_; }

 private:
  using Order = v1::format::Order;
  using Instant = JournalClock::Instant;
  // What is known of a snapshot beside its info.
  struct Times {
    Instant received;
    Instant expired;
  };

  absl::Status CheckAction(const Order& order,
                           const std::string& sealed_keyring,
                           const JournalClock& clock) const;
  absl::Status CheckLock(const Order::Lock& lock,
                         const JournalClock& clock) const;
  absl::Status CheckExpire(size_t place, const JournalClock& clock) const;
  absl::Status CheckPurge(size_t place, const JournalClock& clock) const;
  // FAILED_PRECONDITION: nothing of that set may go now.
  absl::Status CheckFree(const SnapshotInfo& info,
                         const JournalClock& clock) const;
  absl::Status CheckExpireAll(const Order& order,
                              const JournalClock& clock) const;
  absl::Status CheckByPolicy(const Order& order,
                             const JournalClock& clock) const;
  absl::Status CheckUndelete(const Order::Undelete& undelete) const;
  absl::StatusOr<size_t> PlaceOf(const std::string& id) const;
  // Floor and trash time in force.
  RetentionPolicy PolicyOf(const std::string& host, const std::string& set,
                           const JournalClock& clock) const;
  // `doubt`: as in PlanHost.
  HostPlan PlanAt(const std::string& host, const JournalClock& clock,
                  const std::string& doubt) const;
  std::vector<SnapshotId> GoingAt(const HostPlan& plan,
                                  const JournalClock& clock) const;
  void CarryOut(const Order& order, const std::string& sealed_keyring);
  void Expire(size_t place);

  OrderBook orders_;
  VaultKeys keys_;
  JournalClock clock_;
  ClockWatch clock_watch_;
  std::vector<SnapshotInfo> snapshots_;
  std::vector<Times> times_;  // parallel
  absl::flat_hash_map<SnapshotId, size_t> places_;
  SetHistories histories_;
  PolicyHistory policies_;
  absl::Time policy_changed_ = absl::InfinitePast();
  std::map<SetScope, absl::Time> locks_;
  std::map<SetScope, HoldState> holds_;
  std::vector<ForgedRecord> forged_;
  uint64_t forged_records_ = 0;
};

}  // namespace nightsafe
