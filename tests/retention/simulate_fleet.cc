// How often an honest fleet is held back from pruning, and how often an
// intruder is noticed.
//
// usage: simulate_fleet [--hosts N] [--years N] [--seed N] [--verbose]
//
// Every host lives its years: daily changes, growing and rotated logs, package
// updates, distribution upgrades, restores, reinstalls, clean-ups, imports,
// backups by hand, other schedules, weeks without power. An admin releases a
// held host the next day. Exit code 1 if a host is held more than once a year
// by mistake, or if intruders that destroy everything are missed.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "tests/retention/fleet_machine.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kStart = absl::FromUnixSeconds(1'698'796'800);
constexpr double kMostHoldsPerYear = 1;
constexpr double kLeastDestructionNoticed = 0.95;

struct Options {
  uint64_t hosts = 200;
  int years = 2;
  uint64_t seed = 1;
  bool verbose = false;  // print every false hold
};

struct Kind {
  uint64_t host_years = 0;
  uint64_t holds = 0;
  uint64_t snapshots = 0;
  uint64_t extra = 0;
};

// One host with its set and the server's eyes.
class Host {
 public:
  Host(MachineKind kind, uint64_t seed) : machine(kind, seed), seed_(seed) {}

  // Suspicions of a night, the last of the day.
  std::string Back(int times, int day, Kind& figures) {
    std::string suspicion;
    for (int i = 0; i < times; ++i) {
      Measures measures = machine.Snapshot();
      measures.sequence = ++sequence_;
      measures.received = kStart + day * kDay + (i + 1) * kDay / (times + 1) +
                          absl::Minutes(static_cast<int64_t>(seed_ % 17));
      const Observation seen = observer.Observe(measures, false);
      if (seen.suspicious()) suspicion = seen.suspicion;
      ++figures.snapshots;
      figures.extra += seen.extra;
    }
    return suspicion;
  }

  Machine machine;
  SetObserver observer;

 private:
  uint64_t seed_;
  uint64_t sequence_ = 0;
};

class Fleet {
 public:
  explicit Fleet(const Options& options) : options_(options) {}

  void Live() {
    for (uint64_t host = 0; host < options_.hosts; ++host) {
      const auto kind = static_cast<MachineKind>(host % kMachineKinds);
      Life(kind, options_.seed * 1'000'003 + host);
    }
  }

  bool Report() const {
    Kind all;
    std::printf("%-14s %10s %9s %6s %14s %7s\n", "KIND", "HOST-YEARS",
                "SNAPSHOTS", "HOLDS", "PER HOST-YEAR", "EXTRA");
    for (const auto& [kind, one] : kinds_) {
      Print(KindName(kind), one);
      all.host_years += one.host_years;
      all.holds += one.holds;
      all.snapshots += one.snapshots;
      all.extra += one.extra;
    }
    Print("all", all);
    std::printf("\nheld after:\n");
    for (const auto& [event, count] : causes_) {
      std::printf("  %-45s %llu of %llu\n", event.c_str(),
                  static_cast<unsigned long long>(count),
                  static_cast<unsigned long long>(event == kOrdinaryDay
                                                      ? all.host_years * 365
                                                      : events_.at(event)));
    }
    std::printf("\nintruders noticed at once:\n");
    bool fine = true;
    for (const auto& [attack, figures] : attacks_) {
      std::printf("  %-45s %llu of %llu\n", attack.c_str(),
                  static_cast<unsigned long long>(figures.first),
                  static_cast<unsigned long long>(figures.second));
      if (attack.ends_with("everything")) {
        fine &= static_cast<double>(figures.first) >=
                kLeastDestructionNoticed * static_cast<double>(figures.second);
      }
    }
    const bool quiet = PerYear(all) <= kMostHoldsPerYear;
    std::printf("\n%.3f false holds per host-year, at most %.0f allowed: %s\n",
                PerYear(all), kMostHoldsPerYear,
                quiet && fine ? "passed" : "FAILED");
    return quiet && fine;
  }

 private:
  static constexpr const char* kOrdinaryDay = "an ordinary day";

  static double PerYear(const Kind& kind) {
    return static_cast<double>(kind.holds) /
           static_cast<double>(kind.host_years);
  }
  static void Print(const char* name, const Kind& kind) {
    std::printf("%-14s %10llu %9llu %6llu %14.3f %6.1f%%\n", name,
                static_cast<unsigned long long>(kind.host_years),
                static_cast<unsigned long long>(kind.snapshots),
                static_cast<unsigned long long>(kind.holds), PerYear(kind),
                100 * static_cast<double>(kind.extra) /
                    static_cast<double>(kind.snapshots));
  }

  void Life(MachineKind kind, uint64_t seed) {
    Host host(kind, seed);
    Kind& figures = kinds_[kind];
    const int days = 365 * options_.years;
    std::string event;
    for (int day = 0; day < days; ++day) {
      const std::string today = host.machine.Live();
      if (!today.empty()) {
        ++events_[today];
        event = today;
      }
      const int times = host.machine.BackupsToday();
      if (times == 0) continue;
      const std::string why = host.Back(times, day, figures);
      if (!why.empty()) {
        if (event.empty()) event = kOrdinaryDay;
        if (options_.verbose) {
          std::printf("%s, %s: %s\n", KindName(kind), event.c_str(),
                      why.c_str());
        }
        ++figures.holds;
        ++causes_[event];
        host.observer.Release(UINT64_MAX);
      }
      event.clear();
    }
    figures.host_years += static_cast<uint64_t>(options_.years);
    Attack(kind, host, days, "encrypts everything", &Machine::EncryptAll);
    Attack(kind, host, days, "deletes everything", &Machine::DeleteAll);
    Attack(kind, host, days, "encrypts the data", &Machine::EncryptData);
    Attack(kind, host, days, "deletes the data", &Machine::DeleteData);
  }

  // On the next day, on a copy.
  void Attack(MachineKind kind, const Host& victim, int day,
              const std::string& name, void (Machine::*attack)()) {
    Host host = victim;
    (host.machine.*attack)();
    Kind ignored;
    // Nothing tells a compressed dump from an encrypted one.
    auto& [noticed, all] =
        attacks_[kind == MachineKind::kDump ? name + " (dump)" : name];
    noticed += !host.Back(1, day, ignored).empty();
    ++all;
  }

  const Options options_;
  std::map<MachineKind, Kind> kinds_;
  std::map<std::string, uint64_t> events_;
  std::map<std::string, uint64_t> causes_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> attacks_;
};

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--verbose") options.verbose = true;
    if (i + 1 == argc) break;
    const auto value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--hosts") options.hosts = value;
    if (name == "--years") options.years = static_cast<int>(value);
    if (name == "--seed") options.seed = value;
  }
  if (options.hosts == 0 || options.years <= 0) return 2;
  std::printf("%llu hosts, %d years each, seed %llu\n",
              static_cast<unsigned long long>(options.hosts), options.years,
              static_cast<unsigned long long>(options.seed));
  Fleet fleet(options);
  fleet.Live();
  return fleet.Report() ? 0 : 1;
}

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) { return nightsafe::Main(argc, argv); }
