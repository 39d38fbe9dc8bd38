// Who may still deposit: what each host stores, and its quotas.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "server/catalog/registry.h"
#include "server/service/commit_book.h"
#include "server/vault/vault.h"

namespace nightsafe {

// 0: without a limit.
struct HostLimits {
  uint64_t quota_bytes = 0;
  uint64_t quota_objects = 0;
  uint32_t snapshots_per_day = 0;  // of one set that is not keyed
  // Of the host, keyed sets included.
  uint64_t commits_per_day = 0;
  uint64_t manifest_bytes_per_day = 0;
  uint64_t sets = 0;  // that it ever committed to
};

// What is set for a host (`set` empty), or for one of its sets, at a time.
using LimitsOf =
    std::function<HostLimits(Vault& vault, absl::string_view host,
                             absl::string_view set, absl::Time now)>;

// An object counts as this much at least: so much it costs in index and
// journal.
inline constexpr uint64_t kLeastCharge = 4 << 10;
inline uint64_t ChargeOf(uint64_t size) {
  return size < kLeastCharge ? kLeastCharge : size;
}
// A manifest lies in a pack and in the journal, and stays when all else of its
// snapshot has gone.
inline uint64_t ChargeOfManifest(uint64_t size) { return 2 * ChargeOf(size); }

// What is stored can be committed, also at the end of a quota: so much more is
// for the manifests.
inline constexpr uint64_t kCommitMarginBytes = 64 << 20;
inline constexpr uint64_t kCommitMarginObjects = 10'000;

// Thread-safe. A host is charged with every object of its domain that is
// stored, committed or not. That is counted in the object index when the vault
// is first asked for, so it survives a restart and cannot drift from what is on
// the disk; then each put is added. When a host is about to be refused and the
// count is not fresh, it is made anew: a collection may have freed space.
class Admission {
 public:
  Admission(LimitsOf limits, const Clock& clock)
      : limits_(std::move(limits)), clock_(clock) {}

  // RESOURCE_EXHAUSTED, with a time to try again: the set, unless it is keyed,
  // or the host has as many snapshots of the last 24 hours as it may have, or
  // the host has that many bytes of manifests of them, that many sets, or
  // passed its quota by the margin for manifests. Not for a session that is
  // committed already. `manifest_bytes`: 0 before there is a manifest.
  absl::Status AdmitSnapshot(Vault& vault, const HostRegistration& host,
                             absl::string_view set, const SessionId& session,
                             uint64_t manifest_bytes = 0);
  // That snapshot is committed; it was not when it was admitted.
  void NoteCommit(Vault& vault, const HostRegistration& host,
                  absl::string_view set, uint64_t manifest_bytes);

  // Charges the host for an object that is about to be stored.
  // RESOURCE_EXHAUSTED, with a time to try again: a quota would be passed.
  absl::Status Charge(Vault& vault, const HostRegistration& host,
                      uint64_t size);
  // It was not stored.
  void Refund(const Vault& vault, const HostRegistration& host, uint64_t size);

  struct HostUse {
    uint64_t objects = 0;
    uint64_t charged_bytes = 0;
    HostLimits limits;
  };
  // For reports. Counts the vault if that was never done.
  absl::StatusOr<HostUse> UseOf(Vault& vault, const HostRegistration& host);

 private:
  struct Use {
    uint64_t objects = 0;
    uint64_t charged_bytes = 0;
  };
  struct VaultUse {
    std::map<uint32_t, Use> domains;
    std::map<uint32_t, Use> meanwhile;  // added while a count is under way
    CommitBook commits;
    bool counting = false;
    bool counted = false;
    absl::Time counted_at;
    absl::Duration took;
  };

  absl::Status CheckHost(Vault& vault, const HostRegistration& host,
                         absl::string_view set, uint64_t manifest_bytes,
                         absl::Time now);
  // Of a host; asked anew every few seconds.
  HostLimits LimitsFor(Vault& vault, const HostRegistration& host)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // OK once the vault was counted.
  absl::Status Await(Vault& vault, VaultUse& use)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets go of the mutex while it counts.
  absl::Status Count(Vault& vault, VaultUse& use)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OK if so much more is within the quota and its `margin`. Counts anew before
  // it refuses, if that may be.
  absl::Status CheckQuota(Vault& vault, const HostRegistration& host,
                          VaultUse& all, const Use& more, const Use& margin,
                          const HostLimits& limits)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Add(VaultUse& all, const HostRegistration& host, const Use& more);
  bool MayCountAgain(const VaultUse& use) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  VaultUse& UseIn(const Vault& vault) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LimitsOf limits_;
  const Clock& clock_;
  absl::Mutex mutex_;
  std::map<std::string, VaultUse> vaults_ ABSL_GUARDED_BY(mutex_);
  struct KnownLimits {
    HostLimits limits;
    absl::Time until;
  };
  std::map<std::pair<std::string, std::string>, KnownLimits> known_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
