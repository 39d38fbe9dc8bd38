// What a vault tells admission and monitoring.
#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "server/vault/vault.h"

namespace nightsafe {

EffectivePolicy Vault::PolicyOf(absl::string_view host, absl::string_view set,
                                absl::Time now) const {
  return journal_->Read([&](const VaultState& state) {
    return state.retention()
        .policies()
        .At(std::string(host), std::string(set), now)
        .effective;
  });
}

RetentionSight Vault::SightOfRetention(absl::Time now) const {
  RetentionSight sight;
  const std::vector<std::string> hosts =
      journal_->Read([&](const VaultState& state) {
        const RetentionState& retention = state.retention();
        sight.holds = retention.holds().size();
        sight.recovery_keys = retention.keys().RecoveryKeys().size();
        sight.recovery_proven = retention.keys().LastProven();
        return retention.Hosts();
      });
  // One at a time: commits go on in between.
  for (const std::string& host : hosts) {
    const HostPlan plan = journal_->Read([&](const VaultState& state) {
      return PlanForPrune(state.retention(), host, now);
    });
    sight.hosts.emplace_back(host, !plan.refusals.empty());
  }
  return sight;
}

std::string Vault::NewestManifest() const {
  return journal_->Read([](const VaultState& state) -> std::string {
    const std::vector<SnapshotInfo>& all = state.snapshots();
    for (auto at = all.rbegin(); at != all.rend(); ++at) {
      if (at->life == SnapshotLife::kLive) return at->manifest;
    }
    return "";
  });
}

SetRate Vault::RateOf(absl::string_view host, absl::string_view set,
                      const SessionId& session, absl::Time since) const {
  return journal_->Read([&](const VaultState& state) {
    SetRate rate;
    rate.keyed =
        state.IsKeyed(std::string(host), std::string(set)).value_or(false);
    rate.session_committed =
        state.FindSession(std::string(host), session) != nullptr;
    if (rate.keyed || rate.session_committed) return rate;
    const auto& snapshots = state.snapshots();
    for (auto at = snapshots.rbegin();
         at != snapshots.rend() && at->received >= since; ++at) {
      if (at->host != host || at->set != set) continue;
      ++rate.snapshots;
      rate.oldest = at->received;
    }
    return rate;
  });
}

absl::StatusOr<std::map<uint32_t, StoredFigures>> Vault::CountStored(
    const std::function<uint64_t(uint64_t size, bool is_manifest)>& charge) {
  // So that nothing received before is still on its way to the index.
  absl::Status indexed = store_->Barrier({}, journal_->generation());
  if (!indexed.ok() && !absl::IsAborted(indexed)) return indexed;
  std::map<uint32_t, StoredFigures> domains;
  NS_RETURN_IF_ERROR(index_.ForEach(
      registration_.id, [&](const IndexEntry& entry) -> absl::Status {
        StoredFigures& domain = domains[entry.domain_number];
        ++domain.objects;
        domain.bytes += entry.location.length;
        domain.charged_bytes +=
            charge(entry.location.length,
                   entry.location.kind == ObjectKind::kManifest);
        return absl::OkStatus();
      }));
  return domains;
}

}  // namespace nightsafe
