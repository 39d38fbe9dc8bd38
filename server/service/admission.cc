#include "server/service/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/retry_after.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kDay = CommitBook::kSpan;
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

bool Exceeds(uint64_t value, uint64_t limit, uint64_t margin) {
  return value > limit && value - limit > margin;
}

}  // namespace

absl::Status Admission::AdmitSnapshot(Vault& vault,
                                      const HostRegistration& host,
                                      absl::string_view set,
                                      const SessionId& session,
                                      uint64_t manifest_bytes) {
  const absl::Time now = clock_.Now();
  const SetRate rate = vault.RateOf(host.name, set, session, now - kDay);
  if (rate.session_committed) return absl::OkStatus();
  const uint32_t limit = limits_(vault, host.name, set, now).snapshots_per_day;
  if (limit != 0 && !rate.keyed && rate.snapshots >= limit) {
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "set ", set, " of host ", host.name, " has ", rate.snapshots,
            " snapshots of the last 24 hours, limit ", limit,
            "; back up less often, or ask the admin to raise "
            "max-snapshots-per-day")),
        rate.oldest + kDay - now);
  }
  return CheckHost(vault, host, set, manifest_bytes, now);
}

absl::Status Admission::CheckHost(Vault& vault, const HostRegistration& host,
                                  absl::string_view set,
                                  uint64_t manifest_bytes, absl::Time now) {
  const HostLimits limits = LimitsFor(vault, host);
  absl::MutexLock lock(&mutex_);
  VaultUse& all = UseIn(vault);
  if (!all.commits.loaded()) all.commits.Load(vault, now);
  const CommitBook::HostCommits of = all.commits.Of(host.name, set, now);
  const auto refused = [&](absl::string_view what, uint64_t has, uint64_t limit,
                           absl::string_view key, absl::Duration wait) {
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "host ", host.name, " has ", has, " ", what, ", limit ", limit,
            "; earlier snapshots are intact; back up less often, to fewer "
            "sets, or ask the admin to raise ",
            key, " of the server")),
        wait);
  };
  const absl::Duration wait = of.oldest + kDay - now;
  if (limits.sets != 0 && !of.knows_set && of.sets >= limits.sets) {
    return refused("sets", of.sets, limits.sets, "sets_per_host", kQuotaWait);
  }
  if (limits.commits_per_day != 0 && of.commits >= limits.commits_per_day) {
    return refused("snapshots of the last 24 hours", of.commits,
                   limits.commits_per_day, "commits_per_day", wait);
  }
  if (limits.manifest_bytes_per_day != 0 && of.commits > 0 &&
      of.manifest_bytes + manifest_bytes > limits.manifest_bytes_per_day) {
    return refused("bytes of manifests of the last 24 hours", of.manifest_bytes,
                   limits.manifest_bytes_per_day, "manifest_bytes_per_day",
                   wait);
  }
  return manifest_bytes == 0
             ? absl::OkStatus()
             : CheckQuota(vault, host, all,
                          {.objects = 1,
                           .charged_bytes = ChargeOfManifest(manifest_bytes)},
                          {.objects = kCommitMarginObjects,
                           .charged_bytes = kCommitMarginBytes},
                          limits);
}

void Admission::NoteCommit(Vault& vault, const HostRegistration& host,
                           absl::string_view set, uint64_t manifest_bytes) {
  absl::MutexLock lock(&mutex_);
  VaultUse& all = UseIn(vault);
  all.commits.Add(host.name, set, manifest_bytes, clock_.Now());
  Add(all, host,
      {.objects = 1, .charged_bytes = ChargeOfManifest(manifest_bytes)});
}

absl::Status Admission::Charge(Vault& vault, const HostRegistration& host,
                               uint64_t size) {
  const HostLimits limits = LimitsFor(vault, host);
  const Use more{.objects = 1, .charged_bytes = ChargeOf(size)};
  absl::MutexLock lock(&mutex_);
  VaultUse& all = UseIn(vault);
  NS_RETURN_IF_ERROR(CheckQuota(vault, host, all, more, {}, limits));
  Add(all, host, more);
  return absl::OkStatus();
}

absl::Status Admission::CheckQuota(Vault& vault, const HostRegistration& host,
                                   VaultUse& all, const Use& more,
                                   const Use& margin,
                                   const HostLimits& limits) {
  NS_RETURN_IF_ERROR(Await(vault, all));
  const auto check = [&]() -> absl::Status {
    const Use& use = all.domains[host.domain_number];
    if (limits.quota_objects != 0 &&
        Exceeds(use.objects + more.objects, limits.quota_objects,
                margin.objects)) {
      return OverQuota(host, "objects", use.objects, more.objects,
                       limits.quota_objects);
    }
    if (limits.quota_bytes != 0 &&
        Exceeds(use.charged_bytes + more.charged_bytes, limits.quota_bytes,
                margin.charged_bytes)) {
      return OverQuota(host, "bytes", use.charged_bytes, more.charged_bytes,
                       limits.quota_bytes);
    }
    return absl::OkStatus();
  };
  absl::Status fits = check();
  if (!fits.ok() && MayCountAgain(all)) {
    NS_RETURN_IF_ERROR(Count(vault, all));
    fits = check();
  }
  return fits;
}

void Admission::Add(VaultUse& all, const HostRegistration& host,
                    const Use& more) {
  for (auto* domains : {&all.domains, &all.meanwhile}) {
    if (domains == &all.meanwhile && !all.counting) continue;
    Use& use = (*domains)[host.domain_number];
    use.objects += more.objects;
    use.charged_bytes += more.charged_bytes;
  }
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
  auto stored = vault.CountStored([](uint64_t size, bool is_manifest) {
    return is_manifest ? ChargeOfManifest(size) : ChargeOf(size);
  });
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
