#include "server/service/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/retry_after.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kLimitsAge = absl::Seconds(5);
constexpr absl::Duration kQuotaWait = absl::Hours(1);
// Between two counts of a vault, and so many times as long as one took.
constexpr absl::Duration kCountInterval = absl::Minutes(1);
constexpr int kCountShare = 30;
constexpr absl::Duration kCountPatience = absl::Minutes(1);

absl::Status OverQuota(const HostRegistration& host, absl::string_view what,
                       uint64_t used, uint64_t more, uint64_t limit) {
  return WithRetryAfter(
      absl::ResourceExhaustedError(absl::StrCat(
          "host ", host.name, " of vault ", host.vault, " stores ", used, " ",
          what, ", its quota is ", limit, ", and ", more,
          " more are not taken; earlier snapshots are intact, and what is "
          "stored can be committed; ask the admin to raise the quota or to let "
          "snapshots of this host expire")),
      kQuotaWait);
}

}  // namespace

absl::Status Admission::AdmitSnapshot(Vault& vault,
                                      const HostRegistration& host,
                                      absl::string_view set,
                                      const SessionId& session) {
  const absl::Time now = clock_.Now();
  const uint32_t limit = limits_(vault, host.name, set, now).snapshots_per_day;
  if (limit == 0) return absl::OkStatus();
  const SetRate rate = vault.RateOf(host.name, set, session, now - kDay);
  if (rate.keyed || rate.session_committed || rate.snapshots < limit) {
    return absl::OkStatus();
  }
  return WithRetryAfter(
      absl::ResourceExhaustedError(absl::StrCat(
          "set ", set, " of host ", host.name, " has ", rate.snapshots,
          " snapshots of the last 24 hours, limit ", limit,
          "; back up less often, or ask the admin to raise "
          "max-snapshots-per-day")),
      rate.oldest + kDay - now);
}

absl::Status Admission::Charge(Vault& vault, const HostRegistration& host,
                               uint64_t size) {
  const HostLimits limits = LimitsFor(vault, host);
  absl::MutexLock lock(&mutex_);
  VaultUse& all = UseIn(vault);
  NS_RETURN_IF_ERROR(Await(vault, all));
  const uint64_t charge = ChargeOf(size);
  const auto check = [&]() -> absl::Status {
    const Use& use = all.domains[host.domain_number];
    if (limits.quota_objects != 0 && use.objects >= limits.quota_objects) {
      return OverQuota(host, "objects", use.objects, 1, limits.quota_objects);
    }
    if (limits.quota_bytes != 0 &&
        use.charged_bytes + charge > limits.quota_bytes) {
      return OverQuota(host, "bytes", use.charged_bytes, charge,
                       limits.quota_bytes);
    }
    return absl::OkStatus();
  };
  absl::Status fits = check();
  if (!fits.ok() && MayCountAgain(all)) {
    NS_RETURN_IF_ERROR(Count(vault, all));
    fits = check();
  }
  NS_RETURN_IF_ERROR(fits);
  for (auto* domains : {&all.domains, &all.meanwhile}) {
    if (domains == &all.meanwhile && !all.counting) continue;
    Use& use = (*domains)[host.domain_number];
    ++use.objects;
    use.charged_bytes += charge;
  }
  return absl::OkStatus();
}

void Admission::Refund(const Vault& vault, const HostRegistration& host,
                       uint64_t size) {
  const uint64_t charge = ChargeOf(size);
  absl::MutexLock lock(&mutex_);
  VaultUse& all = UseIn(vault);
  // What was charged before a count began is not in the count.
  for (auto* domains : {&all.domains, &all.meanwhile}) {
    Use& use = (*domains)[host.domain_number];
    use.objects -= std::min<uint64_t>(use.objects, 1);
    use.charged_bytes -= std::min(use.charged_bytes, charge);
  }
}

absl::StatusOr<Admission::HostUse> Admission::UseOf(
    Vault& vault, const HostRegistration& host) {
  HostUse result;
  result.limits = LimitsFor(vault, host);
  absl::MutexLock lock(&mutex_);
  VaultUse& all = UseIn(vault);
  NS_RETURN_IF_ERROR(Await(vault, all));
  const auto use = all.domains.find(host.domain_number);
  if (use == all.domains.end()) return result;
  result.objects = use->second.objects;
  result.charged_bytes = use->second.charged_bytes;
  return result;
}

HostLimits Admission::LimitsFor(Vault& vault, const HostRegistration& host) {
  const absl::Time now = clock_.Now();
  const std::pair<std::string, std::string> key{host.vault, host.name};
  {
    absl::MutexLock lock(&mutex_);
    const auto known = known_.find(key);
    if (known != known_.end() && now < known->second.until &&
        known->second.until - now <= kLimitsAge) {
      return known->second.limits;
    }
  }
  const HostLimits limits = limits_(vault, host.name, "", now);
  absl::MutexLock lock(&mutex_);
  known_[key] = {limits, now + kLimitsAge};
  return limits;
}

Admission::VaultUse& Admission::UseIn(const Vault& vault) {
  return vaults_[vault.registration().name];
}

absl::Status Admission::Await(Vault& vault, VaultUse& use) {
  if (use.counted) return absl::OkStatus();
  if (!use.counting) return Count(vault, use);
  const auto done = +[](VaultUse* counted) { return !counted->counting; };
  mutex_.AwaitWithTimeout(absl::Condition(done, &use), kCountPatience);
  if (use.counted) return absl::OkStatus();
  return WithRetryAfter(
      absl::ResourceExhaustedError(
          "the server has just started and counts what its hosts store; try "
          "again in a minute"),
      kCountPatience);
}

bool Admission::MayCountAgain(const VaultUse& use) const {
  return !use.counting && clock_.Now() - use.counted_at >=
                              std::max(kCountInterval, kCountShare * use.took);
}

absl::Status Admission::Count(Vault& vault, VaultUse& use) {
  use.counting = true;
  use.meanwhile.clear();
  const absl::Time begin = clock_.Now();
  mutex_.Unlock();
  // What is put meanwhile may be counted twice, until the next count.
  auto stored = vault.CountStored(ChargeOf);
  mutex_.Lock();
  use.counting = false;
  NS_RETURN_IF_ERROR(stored.status());
  use.domains.clear();
  for (const auto& [domain, figures] : *stored) {
    use.domains[domain] = {figures.objects, figures.charged_bytes};
  }
  for (const auto& [domain, more] : use.meanwhile) {
    Use& sum = use.domains[domain];
    sum.objects += more.objects;
    sum.charged_bytes += more.charged_bytes;
  }
  use.meanwhile.clear();
  use.counted = true;
  use.counted_at = clock_.Now();
  use.took = use.counted_at - begin;
  return absl::OkStatus();
}

}  // namespace nightsafe
