#include "server/metrics/families.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nightsafe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Family {
 public:
  Family(absl::string_view name, absl::string_view help, MetricType type) {
    family_.name = absl::StrCat("nightsafe_", name);
    family_.help = std::string(help);
    family_.type = type;
  }
  Family& Add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  // A family without samples is left out.
  void To(std::vector<MetricFamily>& out) {
    if (!family_.metric.empty()) out.push_back(std::move(family_));
  }

 private:
  MetricFamily family_;
};

Family Gauge(absl::string_view name, absl::string_view help) {
  return Family(name, help, MetricType::Gauge);
}
Family Counter(absl::string_view name, absl::string_view help) {
  return Family(name, help, MetricType::Counter);
}

double Seconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

}  // namespace

std::vector<MetricFamily> ServerFamilies::Collect() const {
  std::vector<MetricFamily> out;
  const Counters::Values values = counters_.Get();
  CollectServer(out);
  CollectSpace(out);
  CollectVaults(out);
  CollectUse(out);
  CollectIntervals(out);
  CollectRetention(out);
  CollectHealth(out);
  CollectScrub(out);
  CollectTraffic(values, out);
  CollectCertificates(out);
  Family commits = Gauge("last_commit_timestamp_seconds",
                         "When the last snapshot of a set was committed.");
  for (const auto& [set, time] : values.last_commits) {
    commits.Add(Seconds(time),
                {{"vault", set.vault}, {"host", set.host}, {"set", set.set}});
  }
  commits.To(out);
  Family refusals = Counter("rpc_refusals_total",
                            "Calls refused before they reached a handler.");
  for (const auto& [refusal, count] : values.refusals) {
    refusals.Add(static_cast<double>(count),
                 {{"method", refusal.method}, {"role", refusal.role}});
  }
  refusals.To(out);
  Counter("deposit_refusals_total",
          "Deposits refused for want of space, quota, or another limit.")
      .Add(static_cast<double>(values.exhaustions))
      .To(out);
  return out;
}

void ServerFamilies::CollectServer(std::vector<MetricFamily>& out) const {
  Gauge("build_info", "Always 1; the version is a label.")
      .Add(1, {{"version", sources_.version}})
      .To(out);
  Gauge("start_timestamp_seconds", "When the server started.")
      .Add(Seconds(sources_.started))
      .To(out);
  Gauge("sessions_open", "Deposit streams that are open.")
      .Add(static_cast<double>(sources_.open_streams()))
      .To(out);
  Gauge("read_only", "1 if changes are refused since a disk failed.")
      .Add(data_.read_only_reason().empty() ? 0 : 1)
      .To(out);
  const DiskErrors& errors = *sources_.disk_errors;
  const auto count = [](const std::atomic<uint64_t>& errors_of_kind) {
    return static_cast<double>(errors_of_kind.load());
  };
  Counter("disk_errors_total",
          "Calls to the data directory's disk that failed; a failed sync "
          "means that a pack or a journal ended.")
      .Add(count(errors.reads), {{"operation", "read"}})
      .Add(count(errors.writes), {{"operation", "write"}})
      .Add(count(errors.syncs), {{"operation", "sync"}})
      .To(out);
}

void ServerFamilies::CollectSpace(std::vector<MetricFamily>& out) const {
  const std::optional<SpaceInfo> space = sources_.space();
  if (!space.has_value()) return;
  const auto total = static_cast<double>(space->total_bytes);
  Gauge("data_free_bytes", "Free bytes of the data directory's file system.")
      .Add(static_cast<double>(space->available_bytes))
      .To(out);
  Gauge("data_size_bytes", "Size of the data directory's file system.")
      .Add(total)
      .To(out);
  Gauge("data_reserve_bytes", "While less is free, new data is refused.")
      .Add(std::max(static_cast<double>(sources_.reserve_bytes),
                    sources_.reserve_share * total))
      .To(out);
}

void ServerFamilies::CollectRetention(std::vector<MetricFamily>& out) const {
  Family holds = Gauge("holds", "Holds that admins have set.");
  Family held = Gauge("prune_held",
                      "1 if prune takes nothing of the host until an admin has "
                      "looked at it.");
  Family proven =
      Gauge("recovery_key_proven_timestamp_seconds",
            "When a recovery key last opened the vault's keyring; absent: it "
            "was never tried.");
  const absl::Time now = sources_.clock->Now();
  for (Vault* vault : data_.Vaults()) {
    const std::string& name = vault->registration().name;
    const RetentionSight sight = vault->SightOfRetention(now);
    holds.Add(static_cast<double>(sight.holds), {{"vault", name}});
    for (const auto& [host, is_held] : sight.hosts) {
      held.Add(is_held ? 1 : 0, {{"vault", name}, {"host", host}});
    }
    if (sight.recovery_proven.has_value()) {
      proven.Add(Seconds(*sight.recovery_proven), {{"vault", name}});
    }
  }
  for (Family* family : {&holds, &held, &proven}) family->To(out);
}

void ServerFamilies::CollectUse(std::vector<MetricFamily>& out) const {
  Family bytes = Gauge("host_stored_bytes",
                       "Bytes of the objects that a host stores, committed or "
                       "not, each counted as 4 KiB at least.");
  Family objects = Gauge("host_stored_objects", "Objects that a host stores.");
  Family quota_bytes =
      Gauge("host_quota_bytes", "What a host may store; absent: no limit.");
  Family quota_objects = Gauge("host_quota_objects",
                               "Objects a host may store; absent: no limit.");
  for (const HostUseSample& use : sources_.host_use()) {
    const Labels labels = {{"vault", use.vault}, {"host", use.host}};
    bytes.Add(static_cast<double>(use.charged_bytes), labels);
    objects.Add(static_cast<double>(use.objects), labels);
    if (use.quota_bytes != 0) {
      quota_bytes.Add(static_cast<double>(use.quota_bytes), labels);
    }
    if (use.quota_objects != 0) {
      quota_objects.Add(static_cast<double>(use.quota_objects), labels);
    }
  }
  for (Family* family : {&bytes, &objects, &quota_bytes, &quota_objects}) {
    family->To(out);
  }
}

void ServerFamilies::CollectIntervals(std::vector<MetricFamily>& out) const {
  Family expected = Gauge("set_expected_interval_seconds",
                          "How often a snapshot of the set is expected; "
                          "absent: it is not.");
  Family created =
      Gauge("vault_created_timestamp_seconds", "When the vault was made.");
  const absl::Time now = sources_.clock->Now();
  for (Vault* vault : data_.Vaults()) {
    const std::string& name = vault->registration().name;
    created.Add(Seconds(vault->health().created), {{"vault", name}});
    for (const SetSummary& set : vault->Sets()) {
      const absl::Duration interval =
          sources_.expected_interval(*vault, set, now);
      if (interval == absl::ZeroDuration()) continue;
      expected.Add(absl::ToDoubleSeconds(interval),
                   {{"vault", name}, {"host", set.host}, {"set", set.set}});
    }
  }
  expected.To(out);
  created.To(out);
  if (sources_.scrub_interval == absl::ZeroDuration()) return;
  Gauge("scrub_interval_seconds",
        "How often everything is to be scrubbed; absent: only when asked.")
      .Add(absl::ToDoubleSeconds(sources_.scrub_interval))
      .To(out);
}

void ServerFamilies::CollectVaults(std::vector<MetricFamily>& out) const {
  Family snapshots = Gauge("snapshots", "Committed snapshots.");
  Family expired =
      Gauge("snapshots_expired", "Snapshots that can be brought back.");
  Family bytes = Gauge("vault_pack_bytes", "Bytes of packs.");
  Family objects = Gauge("vault_stored_objects", "Objects in packs.");
  for (Vault* vault : data_.Vaults()) {
    const VaultFigures figures = vault->figures();
    const Labels labels = {{"vault", vault->registration().name}};
    snapshots.Add(static_cast<double>(figures.snapshots), labels);
    expired.Add(static_cast<double>(figures.expired_snapshots), labels);
    bytes.Add(static_cast<double>(figures.stored_bytes), labels);
    objects.Add(static_cast<double>(figures.stored_objects), labels);
  }
  snapshots.To(out);
  expired.To(out);
  bytes.To(out);
  objects.To(out);
}

void ServerFamilies::CollectHealth(std::vector<MetricFamily>& out) const {
  Family packs = Gauge("packs", "Packs by state.");
  Family findings =
      Gauge("findings_open",
            "Objects without a good copy (wrong), and what the last scrub "
            "could not read (unreadable).");
  Family quarantined =
      Gauge("quarantined_copies", "Stored copies that are never used again.");
  Family healed =
      Counter("findings_healed_total", "Findings that were closed, ever.");
  Family forged =
      Gauge("vault_forged_records",
            "Journal records that no order or policy allows; they change "
            "nothing, and somebody wrote them.");
  Family hit = Gauge("snapshots_hit",
                     "Snapshots that lack something, as far as scrub or status "
                     "found out.");
  for (Vault* vault : data_.Vaults()) {
    const VaultHealth health = vault->health();
    const std::string name = vault->registration().name;
    const Labels labels = {{"vault", name}};
    const auto add = [&](Family& family, absl::string_view label,
                         absl::string_view value, uint64_t figure) {
      family.Add(static_cast<double>(figure),
                 {{"vault", name}, {std::string(label), std::string(value)}});
    };
    add(packs, "state", "open", health.open_packs);
    add(packs, "state", "finished", health.finished_packs);
    add(packs, "state", "dead", health.dead_packs);
    add(packs, "state", "lost", health.lost_packs.size());
    add(findings, "verdict", "wrong", health.open_findings);
    add(findings, "verdict", "unreadable", health.unreadable);
    quarantined.Add(static_cast<double>(health.quarantined_copies), labels);
    healed.Add(static_cast<double>(health.healed), labels);
    forged.Add(static_cast<double>(health.forged_records), labels);
    if (health.hit_snapshots.has_value()) {
      hit.Add(static_cast<double>(*health.hit_snapshots), labels);
    }
  }
  for (Family* family :
       {&packs, &findings, &quarantined, &healed, &forged, &hit}) {
    family->To(out);
  }
}

void ServerFamilies::CollectScrub(std::vector<MetricFamily>& out) const {
  const ScrubTotals totals = sources_.scrubber->totals();
  Counter("scrub_checked_objects_total", "Objects that scrubs read.")
      .Add(static_cast<double>(totals.objects))
      .To(out);
  Counter("scrub_checked_bytes_total", "Bytes of objects that scrubs read.")
      .Add(static_cast<double>(totals.bytes))
      .To(out);
  const std::optional<ScrubSight> sight = sources_.scrubber->sight();
  Family running = Gauge("scrub_running", "1 while the vault is scrubbed.");
  Family progress =
      Gauge("scrub_progress_ratio", "Done of the scrub that runs, 0 to 1.");
  Family finished = Gauge("scrub_last_finished_timestamp_seconds",
                          "When the last whole scrub ended.");
  Family duration = Gauge("scrub_last_duration_seconds",
                          "Time that the last whole scrub was at work.");
  for (Vault* vault : data_.Vaults()) {
    const Labels labels = {{"vault", vault->registration().name}};
    const bool runs =
        sight.has_value() && sight->vault == vault->registration().name;
    running.Add(runs ? 1 : 0, labels);
    if (runs && sight->progress.total_bytes > 0) {
      progress.Add(static_cast<double>(sight->progress.bytes) /
                       static_cast<double>(sight->progress.total_bytes),
                   labels);
    }
    const VaultHealth health = vault->health();
    if (!health.last_scrub.has_value()) continue;
    finished.Add(Seconds(absl::FromUnixNanos(health.last_scrub->finished_ns)),
                 labels);
    duration.Add(absl::ToDoubleSeconds(
                     absl::Nanoseconds(health.last_scrub->figures.active_ns())),
                 labels);
  }
  for (Family* family : {&running, &progress, &finished, &duration}) {
    family->To(out);
  }
}

void ServerFamilies::CollectTraffic(const Counters::Values& values,
                                    std::vector<MetricFamily>& out) const {
  Family received_bytes =
      Counter("received_bytes_total", "Bytes of objects that hosts put.");
  Family received_objects =
      Counter("received_objects_total", "Objects that hosts put.");
  Family stored_bytes = Counter("stored_bytes_total",
                                "Bytes of objects that were new and stored.");
  Family stored_objects =
      Counter("stored_objects_total", "Objects that were new and stored.");
  for (const auto& [host, traffic] : values.traffic) {
    const Labels labels = {{"vault", host.vault}, {"host", host.host}};
    received_bytes.Add(static_cast<double>(traffic.received_bytes), labels);
    received_objects.Add(static_cast<double>(traffic.received_objects), labels);
    stored_bytes.Add(static_cast<double>(traffic.stored_bytes), labels);
    stored_objects.Add(static_cast<double>(traffic.stored_objects), labels);
  }
  received_bytes.To(out);
  received_objects.To(out);
  stored_bytes.To(out);
  stored_objects.To(out);
}

void ServerFamilies::CollectCertificates(std::vector<MetricFamily>& out) const {
  Family family = Gauge("certificate_expiry_timestamp_seconds",
                        "When an active certificate expires.");
  const auto add = [&](absl::string_view role, absl::string_view vault,
                       absl::string_view name, absl::Time expires) {
    family.Add(Seconds(expires), {{"role", std::string(role)},
                                  {"vault", std::string(vault)},
                                  {"name", std::string(name)}});
  };
  for (const auto& [role, expires] : sources_.own_certificates) {
    add(role, "", "", expires);
  }
  for (const HostRegistration& host : data_.registry().Hosts()) {
    if (!host.enrolled || host.revoked) continue;
    add("host", host.vault, host.name, host.certificate_expires);
  }
  for (const ReaderRegistration& reader : data_.registry().Readers()) {
    if (!reader.enrolled || reader.revoked) continue;
    add("reader", "", reader.name, reader.certificate_expires);
  }
  for (const AdminRegistration& admin : data_.registry().Admins()) {
    if (admin.revoked) continue;
    add("admin", "", admin.name, admin.certificate_expires);
  }
  family.To(out);
}

}  // namespace nightsafe
