// Attacks on retention by a compromised host, against a real server and real
// agents.
//
// usage: retention_attacks [--days N]
//
// Every host lives the same honest weeks; then each attacks in its own way, for
// --days days, and the server prunes every night by keep-last 7, keep-daily 7
// without any floor. What a host that stayed honest still has of the honest
// weeks, each attacked one must have too. Exit code 1 if one lost something.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "tests/retention/attacked_server.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr int kHonestDays = 14;
constexpr int kFlood = 12;  // a night, of each flooding host

// What a host does on a day of its attack, beside or in the place of its night.
using Act = std::function<void(AttackedHost&, int day)>;
struct Attack {
  const char* name;
  const char* what;
  bool honest_night = true;  // its own agent goes on as before
  Act at_night;              // 02:00
  Act at_end;                // from 23:50 on, a minute apart
};

class Campaign {
 public:
  explicit Campaign(int days) : days_(days) { server_.SetPolicy(); }

  void Add(Attack attack) {
    attacks_.push_back(std::move(attack));
    hosts_.push_back(
        std::make_unique<AttackedHost>(server_, attacks_.back().name));
  }

  void Live() {
    start_ = absl::FromUnixSeconds(
        (absl::ToUnixSeconds(server_.clock.Now()) / 86400 + 1) * 86400);
    for (int day = 0; day < kHonestDays; ++day) {
      for (size_t i = 0; i < hosts_.size(); ++i) {
        // So that each has its place in every night.
        server_.Set(Time(day, 2, i));
        hosts_[i]->Night();
        good_[i][day] = server_.Sequence();
        if (day == kHonestDays / 2) hosts_[i]->SaveState();
      }
      server_.Set(start_ + day * kDay + absl::Hours(3));
      server_.Prune();
    }
    for (int day = kHonestDays; day < kHonestDays + days_; ++day) OneDay(day);
  }

  // The clock runs away for 200 days, a host commits at once, it comes back.
  void JumpClock() {
    std::vector<std::set<uint64_t>> before;
    for (auto& host : hosts_) before.push_back(server_.Live(host->name()));
    const absl::Time now = server_.clock.Now();
    server_.Set(now + 200 * kDay);
    server_.Prune();
    hosts_[0]->clock_shift = -200 * kDay;
    hosts_[0]->Night();
    server_.Prune();
    server_.Set(now + absl::Hours(1));
    server_.Prune();
    for (size_t i = 0; i < hosts_.size(); ++i) {
      const std::set<uint64_t> after = server_.Live(hosts_[i]->name());
      for (uint64_t sequence : before[i])
        jump_lost_ += !after.contains(sequence);
    }
  }

  bool Report() const {
    std::printf("%-14s %-46s %5s %5s %5s\n", "ATTACK", "WHAT", "GOOD", "LEFT",
                "LOST");
    size_t lost = jump_lost_;
    for (size_t i = 0; i < hosts_.size(); ++i) {
      const Outcome& outcome = outcomes_.at(i);
      std::printf("%-14s %-46s %5zu %5zu %5zu\n", attacks_[i].name,
                  attacks_[i].what, outcome.good.size(), outcome.left,
                  outcome.lost.size());
      lost += outcome.lost.size();
    }
    std::printf("%-14s %-46s %5s %5s %5zu\n", "clock",
                "the server's clock 200 days ahead, and back", "all", "",
                jump_lost_);
    std::printf("%zu attacks, %zu good snapshots lost: %s\n", hosts_.size(),
                lost, lost == 0 ? "passed" : "FAILED");
    return lost == 0;
  }

 private:
  absl::Time Time(int day, int hour, size_t minute) const {
    return start_ + day * kDay + absl::Hours(hour) +
           absl::Minutes(static_cast<int64_t>(minute));
  }

  void OneDay(int day) {
    for (size_t i = 0; i < hosts_.size(); ++i) {
      server_.Set(Time(day, 2, i));
      if (attacks_[i].honest_night) hosts_[i]->Night();
      if (attacks_[i].at_night) attacks_[i].at_night(*hosts_[i], day);
    }
    server_.Set(start_ + day * kDay + absl::Hours(3));
    server_.Prune();
    int second = 0;
    for (size_t i = 0; i < hosts_.size(); ++i) {
      if (!attacks_[i].at_end) continue;
      server_.Set(start_ + day * kDay + absl::Hours(23) + absl::Minutes(50) +
                  absl::Seconds(++second));
      attacks_[i].at_end(*hosts_[i], day);
    }
    server_.Set(start_ + day * kDay + absl::Hours(23) + absl::Minutes(59));
    server_.Prune();
    Judge();
  }

  // What the honest host still has of its nights, the others must have.
  void Judge() {
    const std::set<uint64_t> control = server_.Live(hosts_[0]->name());
    for (size_t i = 0; i < hosts_.size(); ++i) {
      const std::set<uint64_t> live = server_.Live(hosts_[i]->name());
      Outcome& outcome = outcomes_[i];
      outcome.left = 0;
      for (const auto& [day, sequence] : good_[i]) {
        outcome.left += live.contains(sequence);
        if (!control.contains(good_[0][day])) continue;
        outcome.good.insert(day);
        if (!live.contains(sequence)) outcome.lost.insert(day);
      }
    }
  }

  const int days_;
  AttackedServer server_;
  absl::Time start_;
  std::vector<Attack> attacks_;
  std::vector<std::unique_ptr<AttackedHost>> hosts_;
  // Sequence of each honest night, by host and day.
  std::map<size_t, std::map<int, uint64_t>> good_;
  // Days of the honest weeks.
  struct Outcome {
    std::set<int> good;  // that the honest host kept beyond the first attacks
    size_t left = 0;     // at the end
    std::set<int> lost;
  };
  std::map<size_t, Outcome> outcomes_;
  size_t jump_lost_ = 0;
};

void Flood(AttackedHost& host) {
  for (int i = 0; i < kFlood; ++i) host.Night();
}

// Failing is an attacker's own affair.
void TryBackup(AttackedHost& host, const std::string& set = "files") {
  host.Backup(set).IgnoreError();
}

void AddAttacks(Campaign& campaign) {
  const int first = kHonestDays;
  campaign.Add({.name = "none", .what = "stays honest"});
  campaign.Add(
      {.name = "silent", .what = "no backups any more", .honest_night = false});
  campaign.Add({.name = "flood-once",
                .what = "flood at the end of a day",
                .at_end = [=](AttackedHost& host, int day) {
                  if (day == first) Flood(host);
                }});
  campaign.Add({.name = "flood",
                .what = "flood at the end of every day",
                .at_end = [](AttackedHost& host, int) { Flood(host); }});
  campaign.Add({.name = "flood-alone",
                .what = "floods in the place of the honest agent",
                .honest_night = false,
                .at_end = [](AttackedHost& host, int) { Flood(host); }});
  campaign.Add({.name = "flood-empty",
                .what = "flood of empty snapshots every day",
                .at_end = [](AttackedHost& host, int) {
                  host.DeleteAll();
                  for (int i = 0; i < kFlood; ++i) TryBackup(host);
                }});
  campaign.Add({.name = "future",
                .what = "flood from a clock 200 days ahead",
                .at_end = [](AttackedHost& host, int) {
                  host.clock_shift = 200 * kDay;
                  for (int i = 0; i < kFlood; ++i) TryBackup(host);
                  host.clock_shift = {};
                }});
  campaign.Add({.name = "past",
                .what = "flood from a clock 10 days behind",
                .at_end = [](AttackedHost& host, int) {
                  host.clock_shift = -10 * kDay;
                  for (int i = 0; i < kFlood; ++i) TryBackup(host);
                  host.clock_shift = {};
                }});
  campaign.Add({.name = "clock-dance",
                .what = "clock ahead and behind in turn",
                .at_end = [](AttackedHost& host, int) {
                  for (int i = 0; i < kFlood; ++i) {
                    host.clock_shift = (i % 2 == 0 ? 200 : -10) * kDay;
                    TryBackup(host);
                  }
                  host.clock_shift = {};
                }});
  campaign.Add({.name = "empty",
                .what = "an empty snapshot every night",
                .honest_night = false,
                .at_night = [](AttackedHost& host, int) {
                  host.DeleteAll();
                  TryBackup(host);
                }});
  campaign.Add({.name = "tiny",
                .what = "snapshots of one small file",
                .honest_night = false,
                .at_night = [](AttackedHost& host, int) {
                  host.DeleteAll();
                  host.Night();
                }});
  campaign.Add({.name = "encrypt",
                .what = "everything encrypted, every night anew",
                .honest_night = false,
                .at_night = [](AttackedHost& host, int) {
                  host.EncryptAll();
                  host.Night();
                }});
  campaign.Add({.name = "encrypt-slow",
                .what = "two more files encrypted every night",
                .at_end = [](AttackedHost& host, int) {
                  host.EncryptSome(2);
                  host.Night();
                }});
  campaign.Add(
      {.name = "rename-set",
       .what = "goes on under another set's name",
       .honest_night = false,
       .at_night = [](AttackedHost& host, int) { host.Night("files2"); }});
  campaign.Add({.name = "many-sets",
                .what = "a new set with every backup",
                .at_end = [](AttackedHost& host, int day) {
                  for (int i = 0; i < 4; ++i) {
                    TryBackup(host, "s" + std::to_string(4 * day + i));
                  }
                }});
  campaign.Add({.name = "replay",
                .what = "old state and manifests again, every day",
                .at_end = [](AttackedHost& host, int) {
                  host.RollBack();
                  for (int i = 0; i < 4; ++i) host.Night();
                }});
  campaign.Add({.name = "reorder",
                .what = "chains that fork and begin anew",
                .at_end = [](AttackedHost& host, int day) {
                  day % 2 == 0 ? host.RollBack() : host.LoseState();
                  for (int i = 0; i < 3; ++i) host.Night();
                }});
  campaign.Add({.name = "abandon",
                .what = "sessions that never commit",
                .at_end = [](AttackedHost& host, int) {
                  for (int i = 0; i < 6; ++i) host.Abandon();
                }});
  campaign.Add({.name = "good-and-bad",
                .what = "a good and an empty snapshot in turn",
                .at_end = [](AttackedHost& host, int) {
                  for (int i = 0; i < 3; ++i) {
                    host.DeleteAll();
                    TryBackup(host);
                    host.EncryptAll();
                    TryBackup(host);
                  }
                }});
  campaign.Add({.name = "twice-a-day",
                .what = "one more, ordinary one at the end of every day",
                .at_end = [](AttackedHost& host, int) { host.Night(); }});
}

int Main(int argc, char** argv) {
  int days = 6;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--days") days = std::atoi(argv[i + 1]);
  }
  Campaign campaign(days);
  AddAttacks(campaign);
  campaign.Live();
  campaign.JumpClock();
  return campaign.Report() ? 0 : 1;
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) { return nightsafe::Main(argc, argv); }
