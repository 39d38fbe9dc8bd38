#include "client/admin/server_status.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/admin/findings.h"
#include "client/terminal/text.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace nightsafe {
namespace {

absl::Time Time(int64_t unix_ns) { return absl::FromUnixNanos(unix_ns); }

std::string AndMore(uint64_t more) {
  return more == 0 ? "" : absl::StrCat("  and ", more, " more\n");
}

uint64_t Rest(uint64_t all, int listed) {
  return all - static_cast<uint64_t>(listed);
}

// One page; lives for one call.
class Page {
 public:
  explicit Page(const v1::GetStatusReply& status)
      : status_(status), now_(Time(status.now_unix_ns())) {}

  std::string Show() {
    ShowServer();
    for (const v1::VaultStatus& vault : status_.vaults()) ShowVault(vault);
    return std::move(text_);
  }

 private:
  // A name and a value, in two columns.
  void Line(absl::string_view name, absl::string_view value) {
    std::string padded(name);
    padded.resize(std::max<size_t>(padded.size() + 1, 12), ' ');
    absl::StrAppend(&text_, padded, value, "\n");
  }

  void ShowServer() {
    if (status_.attention().empty()) {
      Line("status", "nothing needs attention");
    }
    for (const std::string& sentence : status_.attention()) {
      Line("ATTENTION", ShowName(sentence));
    }
    Line("server", absl::StrCat(HexEncode(AsBytes(status_.server_id())),
                                ", nightsafed ", status_.version()));
    Line("up",
         absl::StrCat(ShowDuration(now_ - Time(status_.started_unix_ns())),
                      ", since ", ShowTime(Time(status_.started_unix_ns())),
                      status_.clean_start() ? "" : ", after an unclean stop"));
    Line("changes",
         status_.read_only_reason().empty()
             ? "taken"
             : absl::StrCat("REFUSED: ", ShowName(status_.read_only_reason())));
    Line("disk", absl::StrCat(ShowBytes(status_.free_bytes()), " of ",
                              ShowBytes(status_.total_bytes()), " free, ",
                              ShowBytes(status_.reserve_bytes()),
                              " are kept in reserve"));
    ShowGrowth();
    Line("sessions", absl::StrCat(status_.open_sessions(), " open"));
    for (const std::string& loss : status_.start_losses()) {
      Line("LOST", ShowName(loss));
    }
    for (const std::string& note : status_.start_notes()) {
      Line("at start", ShowName(note));
    }
  }

  // By what the last week brought; what goes meanwhile is not counted.
  void ShowGrowth() {
    constexpr uint64_t kDays = 7;
    uint64_t of_week = 0;
    for (const v1::VaultStatus& vault : status_.vaults()) {
      of_week += vault.new_bytes_of_week();
    }
    const uint64_t left =
        status_.free_bytes() -
        std::min(status_.free_bytes(), status_.reserve_bytes());
    std::string text = absl::StrCat(ShowBytes(of_week), " in the last 7 days");
    if (of_week > 0) {
      absl::StrAppend(&text, "; full in ", left / (of_week / kDays + 1),
                      " days if that goes on and nothing is collected");
    }
    Line("growth", text);
  }

  void ShowVault(const v1::VaultStatus& vault) {
    absl::StrAppend(&text_, "\n");
    Line("vault", vault.name());
    Line("stored",
         absl::StrCat(vault.snapshots(), " snapshots, ", vault.stored_objects(),
                      " objects, ", ShowBytes(vault.stored_bytes()),
                      "; trash: up to ", ShowBytes(vault.trash_bytes())));
    Line("packs",
         absl::StrCat(vault.finished_packs(), " finished, ", vault.open_packs(),
                      " open, ", vault.dead_packs(), " ended early, ",
                      vault.lost_packs(), " lost"));
    ShowRecovery(vault);
    ShowScrub(vault.scrub());
    Line("findings",
         absl::StrCat(vault.open_findings(), " objects without a good copy, ",
                      vault.unreadable(), " unreadable; ", vault.healed(),
                      " healed so far, ", vault.quarantined_copies(),
                      " bad copies set aside"));
    for (const v1::LostPack& lost : vault.lost()) {
      Line("lost", absl::StrCat("pack ", lost.pack(), ", ",
                                ShowTime(Time(lost.since_unix_ns())), ": ",
                                ShowName(lost.reason())));
    }
    text_ += AndMore(Rest(vault.lost_packs(), vault.lost_size()));
    ShowHit(vault);
    for (const v1::ScrubFinding& finding : vault.findings()) {
      absl::StrAppend(&text_, ShowFinding(finding), "\n");
    }
    text_ += AndMore(vault.more_findings());
    ShowHosts(vault);
  }

  void ShowRecovery(const v1::VaultStatus& vault) {
    const absl::Time proven = Time(vault.recovery_proven_unix_ns());
    const std::string keys = absl::StrCat(
        vault.recovery_keys(),
        vault.recovery_keys() == 1 ? " recovery key" : " recovery keys");
    Line("recovery",
         vault.recovery_proven_unix_ns() == 0
             ? absl::StrCat(keys, ", never tried; `nightsafe-admin key check`")
             : absl::StrCat(keys, ", last proven ", ShowTime(proven), ", ",
                            ShowDuration(now_ - proven), " ago"));
  }

  void ShowScrub(const v1::ScrubStatus& scrub) {
    if (scrub.last_finished_unix_ns() == 0) {
      Line("last scrub", "none yet");
    } else {
      const absl::Time finished = Time(scrub.last_finished_unix_ns());
      Line("last scrub",
           absl::StrCat(ShowTime(finished), ", ", ShowDuration(now_ - finished),
                        " ago: ", scrub.last_objects(), " objects, ",
                        ShowBytes(scrub.last_bytes()), " in ",
                        ShowDuration(absl::Nanoseconds(scrub.last_active_ns())),
                        "; ", scrub.last_wrong(), " wrong, ",
                        scrub.last_unreadable(), " unreadable"));
    }
    if (scrub.running()) {
      Line("scrubbing",
           absl::StrCat(ShowBytes(scrub.bytes()), " of ",
                        ShowBytes(scrub.total_bytes()), ", ", scrub.objects(),
                        " objects", scrub.scheduled() ? ", by schedule" : ""));
    } else if (scrub.interrupted()) {
      Line("interrupted",
           absl::StrCat("a scrub of ", ShowTime(Time(scrub.started_unix_ns())),
                        " after ", ShowBytes(scrub.bytes()),
                        "; `nightsafe-admin scrub --resume` goes on"));
    }
    if (scrub.next_unix_ns() == 0) {
      Line("next scrub", "only when asked");
    } else if (!scrub.running() && !scrub.interrupted()) {
      Line("next scrub", ShowTime(Time(scrub.next_unix_ns())));
    }
  }

  void ShowHit(const v1::VaultStatus& vault) {
    if (!vault.hit_known()) {
      Line("hit", "not known; `nightsafe-admin scrub` finds it out");
    }
    for (const v1::HitSnapshot& hit : vault.hit()) {
      Line("hit",
           absl::StrCat(NameOf(hit), " lacks ",
                        hit.more_objects() ? "at least " : "", hit.objects(),
                        hit.objects() == 1 ? " object" : " objects"));
    }
    text_ += AndMore(Rest(vault.hit_snapshots(), vault.hit_size()));
  }

  void ShowHosts(const v1::VaultStatus& vault) {
    if (vault.hosts().empty()) return;
    std::vector<std::vector<std::string>> rows = {
        {"HOST", "LAST SNAPSHOT", "AGE", "SNAPSHOTS"}};
    for (const v1::HostRecord& host : vault.hosts()) {
      if (host.revoked()) continue;
      const absl::Time last = Time(host.last_commit_unix_ns());
      const bool any = host.last_commit_unix_ns() != 0;
      rows.push_back({host.name(), any ? ShowTime(last) : "never",
                      any ? ShowDuration(now_ - last) : "-",
                      absl::StrCat(host.snapshots())});
    }
    text_ += ShowTable(rows);
  }

  const v1::GetStatusReply& status_;
  const absl::Time now_;
  std::string text_;
};

using nightsafe::ToJson;
nlohmann::json ToJson(const v1::LostPack& lost);
nlohmann::json ToJson(const v1::HostRecord& host);
nlohmann::json ToJson(const v1::VaultStatus& vault);

template <typename Messages>
nlohmann::json ToList(const Messages& messages) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& message : messages) list.push_back(ToJson(message));
  return list;
}

nlohmann::json Texts(
    const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return std::vector<std::string>(texts.begin(), texts.end());
}

nlohmann::json ToJson(const v1::LostPack& lost) {
  return {{"pack", lost.pack()},
          {"reason", lost.reason()},
          {"since_unix_ns", lost.since_unix_ns()}};
}

nlohmann::json ToJson(const v1::HostRecord& host) {
  return {{"host", host.name()},
          {"enrolled", host.enrolled()},
          {"revoked", host.revoked()},
          {"last_commit_unix_ns", host.last_commit_unix_ns()},
          {"snapshots", host.snapshots()},
          {"flags", Texts(host.flags())}};
}

nlohmann::json ToJson(const v1::ScrubStatus& scrub) {
  return {{"running", scrub.running()},
          {"scheduled", scrub.scheduled()},
          {"interrupted", scrub.interrupted()},
          {"objects", scrub.objects()},
          {"bytes", scrub.bytes()},
          {"total_bytes", scrub.total_bytes()},
          {"started_unix_ns", scrub.started_unix_ns()},
          {"last_started_unix_ns", scrub.last_started_unix_ns()},
          {"last_finished_unix_ns", scrub.last_finished_unix_ns()},
          {"last_active_ns", scrub.last_active_ns()},
          {"last_objects", scrub.last_objects()},
          {"last_bytes", scrub.last_bytes()},
          {"last_wrong", scrub.last_wrong()},
          {"last_unreadable", scrub.last_unreadable()},
          {"next_unix_ns", scrub.next_unix_ns()}};
}

nlohmann::json ToJson(const v1::VaultStatus& vault) {
  return {{"vault", vault.name()},
          {"snapshots", vault.snapshots()},
          {"stored_objects", vault.stored_objects()},
          {"stored_bytes", vault.stored_bytes()},
          {"new_bytes_of_week", vault.new_bytes_of_week()},
          {"trash_bytes", vault.trash_bytes()},
          {"open_packs", vault.open_packs()},
          {"finished_packs", vault.finished_packs()},
          {"dead_packs", vault.dead_packs()},
          {"lost_packs", vault.lost_packs()},
          {"lost", ToList(vault.lost())},
          {"scrub", ToJson(vault.scrub())},
          {"open_findings", vault.open_findings()},
          {"unreadable", vault.unreadable()},
          {"quarantined_copies", vault.quarantined_copies()},
          {"healed", vault.healed()},
          {"hit_known", vault.hit_known()},
          {"hit_snapshots", vault.hit_snapshots()},
          {"hit", ToList(vault.hit())},
          {"recovery_keys", vault.recovery_keys()},
          {"recovery_proven_unix_ns", vault.recovery_proven_unix_ns()},
          {"findings", ToList(vault.findings())},
          {"more_findings", vault.more_findings()},
          {"hosts", ToList(vault.hosts())}};
}

}  // namespace

std::string ShowStatus(const v1::GetStatusReply& status) {
  return Page(status).Show();
}

nlohmann::json ToJson(const v1::GetStatusReply& status) {
  return {{"server", HexEncode(AsBytes(status.server_id()))},
          {"version", status.version()},
          {"now_unix_ns", status.now_unix_ns()},
          {"started_unix_ns", status.started_unix_ns()},
          {"read_only_reason", status.read_only_reason()},
          {"total_bytes", status.total_bytes()},
          {"free_bytes", status.free_bytes()},
          {"reserve_bytes", status.reserve_bytes()},
          {"open_sessions", status.open_sessions()},
          {"clean_start", status.clean_start()},
          {"start_losses", Texts(status.start_losses())},
          {"start_notes", Texts(status.start_notes())},
          {"attention", Texts(status.attention())},
          {"vaults", ToList(status.vaults())}};
}

}  // namespace nightsafe
