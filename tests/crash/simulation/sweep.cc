#include "tests/crash/simulation/sweep.h"

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "tests/crash/simulation/seeded_random.h"
#include "tests/crash/simulation/sim_server.h"
#include "tests/crash/simulation/simulation.h"

namespace nightsafe {
namespace {

// A server, and what its hosts know.
struct Place {
  std::unique_ptr<SimServer> server;
  Ledger ledger;
  std::vector<Agent> agents;
  std::mt19937_64 random;
};

struct Scenario {
  const char* name;
  // On a disk as a kill left it; not observed yet.
  std::function<absl::Status(Place&)> prepare;
  std::function<absl::Status(Place&)> act;
};

absl::Status Start(Place& place) { return place.server->Start(); }
absl::Status StartAndStop(Place& place) {
  NS_RETURN_IF_ERROR(place.server->Start());
  return place.server->Stop();
}
absl::Status StartTwice(Place& place) {
  NS_RETURN_IF_ERROR(StartAndStop(place));
  return place.server->Start();
}
absl::Status Nothing(Place&) { return absl::OkStatus(); }

absl::Status CutPower(Place& place) {
  place.server->Replace(place.server->disk().AfterPowerCut(place.random));
  return absl::OkStatus();
}

absl::Status DepositTwice(Place& place) {
  for (size_t i = 0; i < 2; ++i) {
    Agent& agent = place.agents[i];
    NS_RETURN_IF_ERROR(Deposit(place.server->data(), agent,
                               agent.Next(place.random), place.ledger));
  }
  return absl::OkStatus();
}

absl::Status ChangeRegistry(Place& place) {
  DataDirectory& data = place.server->data();
  const TestVault vault("another");
  place.ledger.adding = vault.registration();
  NS_RETURN_IF_ERROR(data.AddVault(vault.registration(), AsBytes("keyring")));
  place.ledger.vaults.push_back(vault.registration().name);
  place.ledger.adding = {};
  NS_ASSIGN_OR_RETURN(
      HostRegistration host,
      data.registry().AddHost(vault.registration().name, "late", "",
                              RandomId<TokenHash>(),
                              absl::FromUnixSeconds(2'000'000'000)));
  place.ledger.hosts.push_back(host);
  return absl::OkStatus();
}

const std::vector<Scenario>& Scenarios() {
  static const auto* const scenarios = new std::vector<Scenario>{
      {"deposit", Start, DepositTwice},
      {"registry", Start, ChangeRegistry},
      {"fetch", Start,
       [](Place& place) {
         return VerifyLedger(place.server->data(), place.ledger);
       }},
      {"scrub", Start,
       [](Place& place) { return ScrubAll(place.server->data()); }},
      // Half of the snapshots are in the trash, and uploads were abandoned.
      {"collect", StartTwice,
       [](Place& place) { return CollectAll(place.server->data()); }},
      {"compact",
       [](Place& place) {
         for (int i = 0; i < 4; ++i) {
           NS_RETURN_IF_ERROR(StartAndStop(place));
         }
         NS_RETURN_IF_ERROR(Start(place));
         return DepositTwice(place);
       },
       [](Place& place) {
         place.server->RunBackground();
         return DepositTwice(place);
       }},
      {"stop",
       [](Place& place) {
         NS_RETURN_IF_ERROR(Start(place));
         return DepositTwice(place);
       },
       [](Place& place) { return place.server->Stop(); }},
      {"start", StartAndStop, Start},
      {"start-after-kill", Nothing, Start},
      {"start-after-power-cut", CutPower, Start},
      {"rebuild", StartAndStop,
       [](Place& place) { return place.server->Rebuild(); }},
      {"rebuild-after-kill", Nothing,
       [](Place& place) { return place.server->Rebuild(); }},
  };
  return *scenarios;
}

struct FaultKind {
  const char* name;
  bool reads;
  bool sticky;
  absl::StatusCode code;
};

constexpr FaultKind kFaults[] = {
    {"eio", false, false, absl::StatusCode::kUnavailable},
    {"eio-sticky", false, true, absl::StatusCode::kUnavailable},
    {"enospc", false, false, absl::StatusCode::kResourceExhausted},
    {"enospc-sticky", false, true, absl::StatusCode::kResourceExhausted},
    {"read-eio", true, false, absl::StatusCode::kUnavailable},
    {"read-eio-sticky", true, true, absl::StatusCode::kUnavailable},
};

// On a full disk nothing can be made or grow. Journals write into room that
// they reserved.
bool NeedsRoom(FileOperation operation, absl::string_view path) {
  return operation == FileOperation::kAllocate ||
         operation == FileOperation::kCreate ||
         (operation == FileOperation::kWrite &&
          !absl::StrContains(path, "/journal/"));
}

class Sweep {
 public:
  Sweep(const SweepOptions& options, SweepFigures& figures)
      : options_(options), figures_(figures) {}

  absl::Status Run() {
    const SeededRandom product(MixSeed(options_.seed, 2));
    NS_ASSIGN_OR_RETURN(base_, Simulation::MakeBase(options_.seed, store_));
    for (const Scenario& scenario : Scenarios()) {
      if (!options_.scenario.empty() && options_.scenario != scenario.name) {
        continue;
      }
      NS_RETURN_IF_ERROR(SweepScenario(scenario));
    }
    return absl::OkStatus();
  }

 private:
  Place MakePlace() const {
    return {
        .server = std::make_unique<SimServer>(base_.disk->AfterKill(), store_),
        .ledger = base_.ledger,
        .agents = base_.agents,
        .random = std::mt19937_64(options_.seed)};
  }

  absl::Status SweepScenario(const Scenario& scenario) {
    figures_.scenarios.push_back({.name = scenario.name});
    SweepFigures::Scenario& figures = figures_.scenarios.back();
    uint64_t mutating = 0;
    uint64_t reads = 0;
    {
      const SeededRandom product(MixSeed(options_.seed, 3));
      Place place = MakePlace();
      NS_RETURN_IF_ERROR(scenario.prepare(place));
      place.server->disk().Observe(
          [&](FileOperation operation, absl::string_view path) {
            ++figures.calls[operation];
            if (absl::StrContains(path, "/index/")) ++figures.index_calls;
            ++(operation == FileOperation::kRead ? reads : mutating);
            return absl::OkStatus();
          });
      NS_RETURN_IF_ERROR(Annotate(scenario.act(place), "without a fault"));
      place.server->disk().Observe({});
    }
    for (const FaultKind& fault : kFaults) {
      if (!options_.fault.empty() && options_.fault != fault.name) continue;
      const uint64_t calls = fault.reads ? reads : mutating;
      for (uint64_t call = 1 + options_.seed % options_.every; call <= calls;
           call += options_.every) {
        if (options_.call > 0 && options_.call != call) continue;
        const absl::Status status = Try(scenario, fault, call, figures);
        if (status.ok()) continue;
        return absl::InternalError(
            absl::StrCat(scenario.name, ", ", fault.name, " at call ", call,
                         ": ", status.message(), " [--scenario ", scenario.name,
                         " --fault ", fault.name, " --call ", call, "]"));
      }
    }
    return absl::OkStatus();
  }

  static void Arm(SimDisk& disk, const FaultKind& fault, uint64_t call) {
    disk.Observe([&fault, left = call](FileOperation operation,
                                       absl::string_view path) mutable {
      if ((operation == FileOperation::kRead) != fault.reads) {
        return absl::OkStatus();
      }
      const bool hit = left == 1 || (left == 0 && fault.sticky);
      if (left > 0) --left;
      const bool full = fault.code == absl::StatusCode::kResourceExhausted;
      if (!hit || (full && !NeedsRoom(operation, path)))
        return absl::OkStatus();
      return absl::Status(fault.code, absl::StrCat("injected at ", path));
    });
  }

  absl::Status Try(const Scenario& scenario, const FaultKind& fault,
                   uint64_t call, SweepFigures::Scenario& figures) {
    const SeededRandom product(MixSeed(options_.seed, 3));
    Place place = MakePlace();
    NS_RETURN_IF_ERROR(scenario.prepare(place));
    Arm(place.server->disk(), fault, call);
    const absl::Status answer = scenario.act(place);
    place.server->disk().Observe({});
    ++figures.points;
    ++(answer.ok() ? figures.right : figures.reported);
    if (absl::StartsWith(scenario.name, "start") &&
        fault.code == absl::StatusCode::kResourceExhausted) {
      // For reading at least.
      NS_RETURN_IF_ERROR(Annotate(answer, "no start on a full disk"));
    }
    if (place.server->running()) {
      if (!place.server->report().losses.empty()) {
        return absl::InternalError(place.server->report().losses.front());
      }
      NS_RETURN_IF_ERROR(
          Annotate(VerifyLedger(place.server->data(), place.ledger),
                   "the server goes on"));
    }
    for (const bool kill : {true, false}) {
      std::mt19937_64 random(MixSeed(options_.seed, call, kill ? 1 : 2));
      CrashState state{.ledger = place.ledger,
                       .agents = place.agents,
                       .crashes = base_.crashes + 2};
      SimDisk& disk = place.server->disk();
      state.disk = kill ? disk.AfterKill() : disk.AfterPowerCut(random);
      NS_RETURN_IF_ERROR(Annotate(CheckState(std::move(state), store_, random,
                                             figures_.states, kNoMoreCrashes),
                                  kill ? "after a kill" : "after a power cut"));
    }
    return absl::OkStatus();
  }

  const SweepOptions options_;
  SweepFigures& figures_;
  StoreOptions store_;
  CrashState base_;
};

}  // namespace

absl::Status RunSweep(const SweepOptions& options, SweepFigures& figures) {
  return Sweep(options, figures).Run();
}

}  // namespace nightsafe
