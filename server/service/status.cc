#include "server/service/status.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/service/convert.h"
#include "server/service/findings.h"

namespace nightsafe {
namespace {

constexpr uint32_t kDefaultListed = 20;
constexpr uint32_t kMaxListed = 1000;
// For the walk of one vault's snapshots.
constexpr absl::Duration kDamagePatience = absl::Seconds(10);

// "1 object", "2 objects".
std::string Count(uint64_t number, absl::string_view noun) {
  return absl::StrCat(number, " ", noun, number == 1 ? "" : "s");
}

class Maker {
 public:
  Maker(const StatusSources& sources, const v1::GetStatusRequest& request)
      : sources_(sources),
        max_listed_(request.max_listed() == 0
                        ? kDefaultListed
                        : std::min(request.max_listed(), kMaxListed)) {}

  v1::GetStatusReply Make() {
    AddServer();
    AddSpace();
    for (Vault* vault : sources_.data.Vaults()) AddVault(*vault);
    return std::move(reply_);
  }

 private:
  void Attend(const std::string& sentence) { reply_.add_attention(sentence); }

  void AddServer() {
    reply_.set_server_id(
        std::string(sources_.data.registry().server_id().text()));
    reply_.set_version(sources_.version);
    reply_.set_now_unix_ns(absl::ToUnixNanos(sources_.clock.Now()));
    reply_.set_started_unix_ns(absl::ToUnixNanos(sources_.started));
    reply_.set_open_sessions(sources_.open_streams());
    reply_.set_read_only_reason(sources_.data.read_only_reason());
    if (!reply_.read_only_reason().empty()) {
      Attend(absl::StrCat(reply_.read_only_reason(),
                          ": look after the disk, then restart nightsafed"));
    }
    const StartupReport& report = sources_.report;
    reply_.set_clean_start(report.clean);
    AddSentences(report.losses, *reply_.mutable_start_losses());
    AddSentences(report.notes, *reply_.mutable_start_notes());
  }

  // Each may name many snapshots, and a message has a limit.
  void AddSentences(const std::vector<std::string>& sentences,
                    google::protobuf::RepeatedPtrField<std::string>& list) {
    const size_t listed = std::min<size_t>(sentences.size(), max_listed_);
    for (size_t i = 0; i < listed; ++i) *list.Add() = sentences[i];
    if (listed == sentences.size()) return;
    *list.Add() = absl::StrCat("and ", sentences.size() - listed,
                               " more: the server's log has them all");
  }

  void AddSpace() {
    const std::optional<SpaceInfo> space = sources_.space();
    if (!space.has_value()) {
      Attend("the free space of the data directory's disk cannot be asked");
      return;
    }
    reply_.set_total_bytes(space->total_bytes);
    reply_.set_free_bytes(space->available_bytes);
    reply_.set_reserve_bytes(std::max(
        sources_.reserve_bytes,
        static_cast<uint64_t>(sources_.reserve_share *
                              static_cast<double>(space->total_bytes))));
    if (reply_.free_bytes() >= reply_.reserve_bytes()) return;
    Attend(absl::StrCat("the disk has ", reply_.free_bytes(),
                        " bytes free, the reserve is ", reply_.reserve_bytes(),
                        ": new data is refused; free space or add a disk"));
  }

  void AddVault(Vault& vault) {
    v1::VaultStatus& status = *reply_.add_vaults();
    status.set_name(vault.registration().name);
    const VaultFigures figures = vault.figures();
    status.set_snapshots(figures.snapshots);
    status.set_stored_objects(figures.stored_objects);
    status.set_stored_bytes(figures.stored_bytes);
    AddChange(vault, status);
    AddHealth(vault.health(), status);
    AddKeys(vault, status);
    AddScrub(vault, status);
    AddDamage(vault, status);
    const std::vector<SetSummary> sets = vault.Sets();
    for (const HostRegistration& host : sources_.data.registry().Hosts()) {
      if (host.vault == status.name())
        *status.add_hosts() = ToRecord(host, sets);
    }
  }

  void AddChange(Vault& vault, v1::VaultStatus& status) {
    const absl::Time week_ago = sources_.clock.Now() - absl::Hours(7 * 24);
    uint64_t of_week = 0;
    uint64_t in_trash = 0;
    vault.Read([&](const VaultState& state) {
      for (const SnapshotInfo& info : state.snapshots()) {
        if (info.received > week_ago) of_week += info.new_bytes;
        if (info.life == SnapshotLife::kExpired) in_trash += info.new_bytes;
      }
    });
    status.set_new_bytes_of_week(of_week);
    status.set_trash_bytes(in_trash);
  }

  static void AddKeys(const Vault& vault, v1::VaultStatus& status) {
    vault.Read([&](const VaultState& state) {
      const VaultKeys& keys = state.retention().keys();
      status.set_recovery_keys(
          static_cast<uint32_t>(keys.RecoveryKeys().size()));
      const auto proven = keys.LastProven();
      if (!proven.has_value()) return;
      status.set_recovery_proven_unix_ns(absl::ToUnixNanos(*proven));
    });
  }

  void AttendToForged(const VaultHealth& health, const std::string& vault) {
    if (health.forged_records == 0) return;
    const ForgedRecord& last = health.forged.back();
    Attend(absl::StrCat(
        "vault ", vault, ": ", Count(health.forged_records, "record"),
        " of its journal that no order or policy allows; nothing was done, but "
        "somebody wrote into the journal (record ",
        last.number, " of ",
        absl::FormatTime(absl::RFC3339_sec, last.time, absl::UTCTimeZone()),
        ": ", last.reason,
        "): look for an intruder on the server before the next collection"));
  }

  void AddHealth(const VaultHealth& health, v1::VaultStatus& status) {
    AttendToForged(health, status.name());
    status.set_open_packs(health.open_packs);
    status.set_finished_packs(health.finished_packs);
    status.set_dead_packs(health.dead_packs);
    status.set_lost_packs(health.lost_packs.size());
    for (auto pack = health.lost_packs.rbegin();
         pack != health.lost_packs.rend() &&
         status.lost_size() < static_cast<int>(max_listed_);
         ++pack) {
      v1::LostPack& lost = *status.add_lost();
      lost.set_pack(pack->pack);
      lost.set_reason(pack->reason);
      lost.set_since_unix_ns(absl::ToUnixNanos(pack->since));
    }
    status.set_open_findings(health.open_findings);
    status.set_unreadable(health.unreadable);
    status.set_quarantined_copies(health.quarantined_copies);
    status.set_healed(health.healed);
    if (!health.last_scrub.has_value()) return;
    v1::ScrubStatus& scrub = *status.mutable_scrub();
    const auto& last = health.last_scrub->figures;
    scrub.set_last_started_unix_ns(last.started_unix_ns());
    scrub.set_last_finished_unix_ns(health.last_scrub->finished_ns);
    scrub.set_last_active_ns(last.active_ns());
    scrub.set_last_objects(last.objects());
    scrub.set_last_bytes(last.bytes());
    scrub.set_last_wrong(last.wrong());
    scrub.set_last_unreadable(last.unreadable());
  }

  void AddScrub(const Vault& vault, v1::VaultStatus& status) {
    v1::ScrubStatus& scrub = *status.mutable_scrub();
    if (const auto cursor = vault.scrub_cursor()) {
      scrub.set_interrupted(true);
      scrub.set_objects(cursor->objects());
      scrub.set_bytes(cursor->bytes());
      scrub.set_started_unix_ns(cursor->started_unix_ns());
    }
    const std::optional<ScrubSight> sight = sources_.scrubber.sight();
    if (sight.has_value() && sight->vault == status.name()) {
      scrub.set_running(true);
      scrub.set_interrupted(false);
      scrub.set_scheduled(sight->scheduled);
      scrub.set_objects(sight->progress.objects);
      scrub.set_bytes(sight->progress.bytes);
      scrub.set_total_bytes(sight->progress.total_bytes);
    }
    const std::optional<absl::Time> next = sources_.scrubber.NextScrub(vault);
    if (!next.has_value()) return;
    scrub.set_next_unix_ns(absl::ToUnixNanos(*next));
    if (sources_.clock.Now() <= *next + sources_.scrubber.schedule().interval) {
      return;
    }
    Attend(absl::StrCat(
        "vault ", status.name(),
        ": the scrub is late by more than its interval: raise "
        "scrub_bytes_per_second in nightsafed.yaml, or look after the disk"));
  }

  void AddDamage(Vault& vault, v1::VaultStatus& status) {
    const absl::StatusOr<Damage> damage =
        vault.FindDamage(absl::Now() + kDamagePatience);
    status.set_hit_known(damage.ok() && damage->complete);
    if (damage.ok()) {
      status.set_hit_snapshots(damage->snapshots.size());
      for (auto hit = damage->snapshots.rbegin();
           hit != damage->snapshots.rend() &&
           status.hit_size() < static_cast<int>(max_listed_);
           ++hit) {
        *status.add_hit() = ToMessage(*hit);
      }
      const std::vector<ScrubProblem> unreadable = vault.Unreadable();
      const FindingList findings(status.name(), unreadable, *damage);
      const size_t listed = std::min<size_t>(findings.size(), max_listed_);
      for (size_t i = 0; i < listed; ++i) {
        *status.add_findings() = findings.Make(i);
      }
      status.set_more_findings(findings.size() - listed);
    }
    AttendToDamage(status);
  }

  void AttendToDamage(const v1::VaultStatus& status) {
    const uint64_t findings =
        static_cast<uint64_t>(status.findings_size()) + status.more_findings();
    if (!status.hit_known()) {
      Attend(absl::StrCat("vault ", status.name(),
                          ": which snapshots are hit takes long to find out; "
                          "`nightsafe-admin scrub` does"));
    } else if (findings > 0 && status.hit_snapshots() == 0) {
      Attend(absl::StrCat("vault ", status.name(), ": ",
                          Count(findings, "finding"),
                          "; no snapshot needs what is damaged"));
    } else if (findings > 0) {
      Attend(absl::StrCat(
          "vault ", status.name(), ": ", Count(findings, "finding"), ", ",
          Count(status.hit_snapshots(), "snapshot"),
          status.hit_snapshots() == 1 ? " lacks" : " lack",
          " something; the next backup of the hosts puts again what their "
          "sources still have; `nightsafe verify` with a read key names the "
          "paths"));
    }
  }

  const StatusSources& sources_;
  const uint32_t max_listed_;
  v1::GetStatusReply reply_;
};

}  // namespace

v1::GetStatusReply MakeStatus(const StatusSources& sources,
                              const v1::GetStatusRequest& request) {
  return Maker(sources, request).Make();
}

}  // namespace nightsafe
