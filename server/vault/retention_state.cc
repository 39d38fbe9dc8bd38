#include "server/vault/retention_state.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "server/vault/retention_words.h"

namespace nightsafe {
namespace {

using v1::format::Order;

constexpr int kMaxOrderedSnapshots = 10'000;

absl::Status Refused(absl::string_view what) {
  return absl::FailedPreconditionError(what);
}

template <typename Action>
SetScope ScopeOf(const Action& action) {
  return {action.host(), action.set()};
}

absl::Status CheckScope(const SetScope& scope) {
  if (scope.first.empty() && !scope.second.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("set ", scope.second, " without a host"));
  }
  if (!scope.first.empty()) {
    NS_RETURN_IF_ERROR(ValidateName("host", scope.first));
  }
  return scope.second.empty() ? absl::OkStatus()
                              : ValidateName("set", scope.second);
}

}  // namespace

void RetentionState::Advance(absl::Time record_time) {
  clock_.Advance(record_time);
  clock_watch_.Observe(record_time);
}

void RetentionState::Add(SnapshotInfo info, bool keyed) {
  policies_.NoteSnapshot(clock_.Now().time);
  places_.try_emplace(info.id, snapshots_.size());
  histories_.Add(info, snapshots_.size(), clock_.Now().time, keyed);
  times_.push_back({.received = clock_.Now(), .expired = {}});
  snapshots_.push_back(std::move(info));
}

const SnapshotInfo* RetentionState::Find(const SnapshotId& id) const {
  const auto it = places_.find(id);
  return it == places_.end() ? nullptr : &snapshots_[it->second];
}

absl::StatusOr<size_t> RetentionState::PlaceOf(const std::string& id) const {
  const auto snapshot = SnapshotId::FromBytes(AsBytes(id));
  if (!snapshot.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a snapshot id of ", id.size(), " bytes, not ", SnapshotId::kSize));
  }
  const auto it = places_.find(*snapshot);
  if (it != places_.end()) return it->second;
  return absl::NotFoundError(absl::StrCat(
      "vault ", orders_.vault(), " has no snapshot ", snapshot->Hex()));
}

absl::StatusOr<Order> RetentionState::CheckOrder(const Ordered& ordered,
                                                 absl::Time time) const {
  NS_ASSIGN_OR_RETURN(Order verified, orders_.Verify(ordered.order()));
  JournalClock clock = clock_;
  clock.Advance(time);
  NS_RETURN_IF_ERROR(OrderBook::CheckAge(verified, clock));
  // Two clocks that agree: no gap before this moment is doubted.
  const absl::Time issued = absl::FromUnixNanos(verified.issued_unix_ns());
  if (absl::AbsDuration(issued - clock.Now().time) <= kBelievedGap) {
    clock.Confirm();
  }
  NS_RETURN_IF_ERROR(CheckAction(verified, ordered.sealed_keyring(), clock));
  return verified;
}

absl::Status RetentionState::CheckAction(const Order& order,
                                         const std::string& sealed_keyring,
                                         const JournalClock& clock) const {
  switch (order.action_case()) {
    case Order::kAddAdminKey:
      return VerifyKey::FromBytes(AsBytes(order.add_admin_key().public_key()))
          .status();
    case Order::kSetPolicy:
      NS_RETURN_IF_ERROR(CheckScope(ScopeOf(order.set_policy())));
      return ValidatePolicy(order.set_policy().policy());
    case Order::kExpire:
      return CheckExpireAll(order, clock);
    case Order::kUndelete:
      return CheckUndelete(order.undelete());
    case Order::kLock:
      return CheckLock(order.lock(), clock);
    case Order::kHold:
      return CheckScope(ScopeOf(order.hold()));
    case Order::kRelease:
      return CheckScope(ScopeOf(order.release()));
    case Order::kStoreKeyring:
      return keys_.CheckStore(order.store_keyring(), sealed_keyring);
    case Order::kRecoveryKeyProven:
      return keys_.CheckProven(order.recovery_key_proven());
    default:
      return absl::InvalidArgumentError("the order does not concern a vault");
  }
}

absl::Status RetentionState::CheckLock(const Order::Lock& lock,
                                       const JournalClock& clock) const {
  const SetScope scope = ScopeOf(lock);
  NS_RETURN_IF_ERROR(CheckScope(scope));
  const absl::Time until = absl::FromUnixNanos(lock.until_unix_ns());
  if (until <= clock.Earliest(clock.Now())) {
    return absl::InvalidArgumentError(
        absl::StrCat("a lock until ", TimeText(until), " has ended already"));
  }
  const auto held = locks_.find(scope);
  if (held == locks_.end() || held->second <= until) return absl::OkStatus();
  return Refused(absl::StrCat(ScopeText(scope), " is locked until ",
                              TimeText(held->second), ", later than ",
                              TimeText(until), ": a lock is never shortened"));
}

absl::Status RetentionState::CheckFree(const SnapshotInfo& info,
                                       const JournalClock& clock) const {
  for (const SetScope& scope : ScopesOf(info.host, info.set)) {
    const auto lock = locks_.find(scope);
    if (lock != locks_.end() && clock.Earliest(clock.Now()) < lock->second) {
      return Refused(absl::StrCat(SnapshotText(info), ": ", ScopeText(scope),
                                  " is locked until ", TimeText(lock->second)));
    }
    const auto hold = holds_.find(scope);
    if (hold == holds_.end()) continue;
    return Refused(absl::StrCat(SnapshotText(info), ": ", ScopeText(scope),
                                " is held since ", TimeText(hold->second.since),
                                " (", hold->second.reason,
                                "); release it first"));
  }
  return absl::OkStatus();
}

absl::Status RetentionState::CheckExpire(size_t place,
                                         const JournalClock& clock) const {
  const SnapshotInfo& info = snapshots_[place];
  if (info.life == SnapshotLife::kPurged) {
    return Refused(absl::StrCat(SnapshotText(info), " is purged"));
  }
  // Its time in the trash goes on from when it got there.
  if (info.life == SnapshotLife::kExpired) return absl::OkStatus();
  NS_RETURN_IF_ERROR(CheckFree(info, clock));
  const absl::Duration floor = PolicyOf(info.host, info.set, clock).min_age;
  const absl::Duration age = clock.Between(times_[place].received, clock.Now());
  if (age >= floor) return absl::OkStatus();
  return Refused(absl::StrCat(SnapshotText(info), " is ", DaysText(age),
                              " old; min-age is ", DaysText(floor)));
}

absl::Status RetentionState::CheckPurge(size_t place,
                                        const JournalClock& clock) const {
  const SnapshotInfo& info = snapshots_[place];
  if (info.life != SnapshotLife::kExpired) {
    return Refused(absl::StrCat(SnapshotText(info), " is not in the trash"));
  }
  NS_RETURN_IF_ERROR(CheckFree(info, clock));
  const absl::Duration trash = PolicyOf(info.host, info.set, clock).trash;
  const absl::Duration age = clock.Between(times_[place].expired, clock.Now());
  if (age >= trash) return absl::OkStatus();
  return Refused(absl::StrCat(SnapshotText(info), " is in the trash for ",
                              DaysText(age), "; trash time is ",
                              DaysText(trash)));
}

absl::Status RetentionState::CheckExpireAll(const Order& order,
                                            const JournalClock& clock) const {
  const Order::Expire& expire = order.expire();
  const int count = expire.snapshots_size();
  if (count == 0 || count > kMaxOrderedSnapshots) {
    return absl::InvalidArgumentError(
        absl::StrCat(count, " snapshots in one order, 1 to ",
                     kMaxOrderedSnapshots, " are allowed"));
  }
  for (const std::string& id : expire.snapshots()) {
    NS_ASSIGN_OR_RETURN(size_t place, PlaceOf(id));
    NS_RETURN_IF_ERROR(CheckExpire(place, clock));
  }
  return expire.by_policy() ? CheckByPolicy(order, clock) : absl::OkStatus();
}

absl::Status RetentionState::CheckUndelete(
    const Order::Undelete& undelete) const {
  for (const std::string& id : undelete.snapshots()) {
    NS_ASSIGN_OR_RETURN(size_t place, PlaceOf(id));
    if (snapshots_[place].life == SnapshotLife::kPurged) {
      return Refused(absl::StrCat(SnapshotText(snapshots_[place]),
                                  " is purged: that is final"));
    }
  }
  return absl::OkStatus();
}

void RetentionState::ApplyKeyring(const std::string& sealed, uint64_t number) {
  if (number == 2) return keys_.Store(sealed);
  Report(number, "a keyring that no order stored");
}

void RetentionState::ApplyOrdered(const Ordered& ordered, uint64_t number) {
  const auto order = CheckOrder(ordered, clock_.Now().time);
  if (!order.ok()) return Report(number, order.status().message());
  orders_.MarkDone(*order);
  const absl::Time issued = absl::FromUnixNanos(order->issued_unix_ns());
  if (absl::AbsDuration(issued - clock_.Now().time) <= kBelievedGap) {
    clock_.Confirm();
  }
  clock_watch_.Confirm(clock_.Now().time, issued);
  CarryOut(*order, ordered.sealed_keyring());
}

void RetentionState::CarryOut(const Order& order,
                              const std::string& sealed_keyring) {
  switch (order.action_case()) {
    case Order::kAddAdminKey:
      orders_.AddKey(VerifyKey::FromValidBytes(
          AsBytes(order.add_admin_key().public_key())));
      return;
    case Order::kSetPolicy:
      policy_changed_ = clock_.Now().time;
      policies_.Set(order.set_policy().host(), order.set_policy().set(),
                    order.set_policy().policy(), policy_changed_);
      return;
    case Order::kExpire:
      for (const std::string& id : order.expire().snapshots()) {
        Expire(PlaceOf(id).value());
      }
      return;
    case Order::kUndelete:
      for (const std::string& id : order.undelete().snapshots()) {
        SnapshotInfo& info = snapshots_[PlaceOf(id).value()];
        if (info.life == SnapshotLife::kLive) continue;
        info.life = SnapshotLife::kLive;
        info.expired_at = {};
        info.undeleted_at = clock_.Now().time;
      }
      return;
    case Order::kLock:
      locks_[ScopeOf(order.lock())] =
          absl::FromUnixNanos(order.lock().until_unix_ns());
      return;
    case Order::kHold:
      holds_.try_emplace(ScopeOf(order.hold()),
                         HoldState{.since = clock_.Now().time,
                                   .reason = order.hold().reason()});
      return;
    case Order::kRelease: {
      holds_.erase(ScopeOf(order.release()));
      histories_.Release(ScopeOf(order.release()), order.release().sequence());
      return;
    }
    case Order::kStoreKeyring:
      return keys_.Store(sealed_keyring);
    case Order::kRecoveryKeyProven:
      return keys_.NoteProven(order.recovery_key_proven(), clock_.Now().time);
    default:
      return;
  }
}

void RetentionState::Expire(size_t place) {
  SnapshotInfo& info = snapshots_[place];
  if (info.life != SnapshotLife::kLive) return;
  info.life = SnapshotLife::kExpired;
  info.expired_at = clock_.Now().time;
  times_[place].expired = clock_.Now();
}

void RetentionState::ApplyTombstoned(const VaultRecord::Tombstoned& record,
                                     uint64_t number) {
  absl::Status refused;
  std::vector<size_t> places;
  std::map<std::string, std::set<SnapshotId>> going;  // by host
  for (const std::string& id : record.snapshots()) {
    const auto place = PlaceOf(id);
    refused.Update(place.status());
    if (!place.ok()) continue;
    const SnapshotInfo& info = snapshots_[*place];
    const auto [host, added] = going.try_emplace(info.host);
    if (added) {
      const std::string doubt = clock_watch_.Doubt(clock_.Now().time);
      const auto ids = GoingAt(PlanAt(info.host, clock_, doubt), clock_);
      host->second.insert(ids.begin(), ids.end());
    }
    if (host->second.contains(info.id)) {
      places.push_back(*place);
    } else {
      refused.Update(Refused(
          absl::StrCat(SnapshotText(info), " stays by the policy in force")));
    }
  }
  for (const size_t place : places) Expire(place);
  if (!refused.ok()) Report(number, refused.message());
}

void RetentionState::ApplyPurged(const VaultRecord::Purged& record,
                                 uint64_t number) {
  absl::Status refused;
  for (const std::string& id : record.snapshots()) {
    const auto place = PlaceOf(id);
    const absl::Status allowed =
        place.ok() ? CheckPurge(*place, clock_) : place.status();
    refused.Update(allowed);
    if (!allowed.ok()) continue;
    snapshots_[*place].life = SnapshotLife::kPurged;
    histories_.Forget(snapshots_[*place], *place);
  }
  if (!refused.ok()) Report(number, refused.message());
}

void RetentionState::Report(uint64_t number, absl::string_view reason) {
  ++forged_records_;
  if (forged_.size() == kMaxNamedForged) return;
  forged_.push_back({.number = number,
                     .time = clock_.Now().time,
                     .reason = std::string(reason)});
}

}  // namespace nightsafe
