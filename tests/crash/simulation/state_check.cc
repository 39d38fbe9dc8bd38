#include "tests/crash/simulation/state_check.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "tests/crash/simulation/sim_server.h"

namespace nightsafe {
namespace {

constexpr int kMaxCrashes = 3;
// Calls of a recovery and the backup after it, roughly.
constexpr uint64_t kCallsOfACheck = 90;
// Files of packs that one crash may leave for the sweeper.
constexpr uint64_t kOrphansOfACrash = 4;

absl::Status Broken(absl::string_view what) {
  return absl::InternalError(std::string(what));
}

class Check {
 public:
  Check(CrashState state, const StoreOptions& options, std::mt19937_64& random,
        Figures& figures, int depth)
      : server_(std::move(state.disk), options),
        ledger_(std::move(state.ledger)),
        agents_(std::move(state.agents)),
        crashes_(state.crashes),
        options_(options),
        random_(random),
        figures_(figures),
        depth_(depth) {}

  absl::Status Run() {
    if (depth_ + 1 < kMaxCrashes && random_() % 4 == 0) PlanCrash();
    NS_RETURN_IF_ERROR(Start());
    NS_RETURN_IF_ERROR(CheckOrphans());
    CountInFlight();
    NS_RETURN_IF_ERROR(NextBackup());
    if (random_() % 8 == 0) {
      ++figures_.scrubs;
      NS_RETURN_IF_ERROR(ScrubAll(server_.data()));
    }
    if (random_() % 4 == 0) NS_RETURN_IF_ERROR(CollectAndSweep());
    if (random_() % 4 == 0) NS_RETURN_IF_ERROR(RestartCleanly());
    if (next_.disk == nullptr) return absl::OkStatus();
    ++figures_.again;
    return Annotate(
        CheckState(std::move(next_), options_, random_, figures_, depth_ + 1),
        "after another crash");
  }

 private:
  // Of this server, at some call from now on.
  void PlanCrash() {
    const uint64_t at = random_() % kCallsOfACheck;
    server_.disk().Observe(
        [this, at, calls = uint64_t{0}](FileOperation operation,
                                        absl::string_view) mutable {
          if (operation == FileOperation::kRead || calls++ != at) {
            return absl::OkStatus();
          }
          next_ = {.disk = DrawCrash(server_.disk(), random_, figures_),
                   .ledger = ledger_,
                   .agents = agents_,
                   .crashes = crashes_ + 1};
          return absl::OkStatus();
        });
  }

  absl::Status Start() {
    NS_RETURN_IF_ERROR(Annotate(server_.Start(), "the server does not start"));
    if (!server_.report().losses.empty()) {
      return Broken(absl::StrCat("losses: ",
                                 absl::StrJoin(server_.report().losses, ";")));
    }
    figures_.recovered += server_.report().packs_recovered;
    return VerifyLedger(server_.data(), ledger_);
  }

  absl::Status CheckOrphans() {
    uint64_t bytes = 0;
    uint64_t open = 0;
    for (Vault* vault : server_.data().Vaults()) {
      const VaultPaths paths(
          absl::StrCat(kSimData, "/vaults/", vault->registration().name));
      for (const std::string& directory : {paths.open, paths.sealed}) {
        NS_ASSIGN_OR_RETURN(auto names, server_.disk().List(directory));
        for (const std::string& name : names) {
          if (!absl::EndsWith(name, ".pack")) continue;
          NS_ASSIGN_OR_RETURN(FileInfo info, server_.disk().Stat(absl::StrCat(
                                                 directory, "/", name)));
          bytes += info.size_bytes;
          if (directory == paths.open) ++open;
        }
      }
    }
    if (open > kOrphansOfACrash * crashes_) {
      return Broken(absl::StrCat(open, " packs lie unfinished after ", crashes_,
                                 " crashes"));
    }
    // Headers, manifests and copies take less than the objects and a little.
    const uint64_t limit = 6 * ledger_.put_bytes + (64 << 10);
    if (bytes <= limit) return absl::OkStatus();
    return Broken(absl::StrCat("packs have ", bytes, " bytes, ",
                               ledger_.put_bytes, " were put"));
  }

  void CountInFlight() {
    for (const Agent& agent : agents_) {
      if (agent.pending() == nullptr) continue;
      ++figures_.in_flight;
      auto vault = server_.data().FindVault(agent.host().vault);
      if (!vault.ok()) continue;
      for (const SnapshotInfo& info : (*vault)->Snapshots({})) {
        if (info.id == agent.pending()->snapshot) ++figures_.interrupted;
      }
    }
  }

  absl::Status AddVaultAgain() {
    if (ledger_.adding.name.empty()) return absl::OkStatus();
    const absl::Status added =
        server_.data().AddVault(ledger_.adding, AsBytes("keyring"));
    if (!absl::IsAlreadyExists(added)) {
      NS_RETURN_IF_ERROR(Annotate(added, "an interrupted addition"));
    }
    ledger_.vaults.push_back(ledger_.adding.name);
    ledger_.adding = {};
    return absl::OkStatus();
  }

  // Who had no answer asks again; somebody deposits something new.
  absl::Status NextBackup() {
    NS_RETURN_IF_ERROR(AddVaultAgain());
    const size_t chosen = random_() % agents_.size();
    for (size_t i = 0; i < agents_.size(); ++i) {
      Agent& agent = agents_[i];
      if (agent.pending() == nullptr && i != chosen) continue;
      const AttemptPtr attempt =
          agent.pending() != nullptr ? agent.pending() : agent.Next(random_);
      NS_RETURN_IF_ERROR(
          Annotate(Deposit(server_.data(), agent, attempt, ledger_),
                   "the next backup fails"));
    }
    return Annotate(VerifyLedger(server_.data(), ledger_),
                    "after the next backup");
  }

  absl::Status CollectAndSweep() {
    ++figures_.collections;
    NS_RETURN_IF_ERROR(Annotate(CollectAll(server_.data()), "a collection"));
    NS_RETURN_IF_ERROR(
        Annotate(VerifyLedger(server_.data(), ledger_), "after a collection"));
    NS_RETURN_IF_ERROR(SweepAll(server_.disk(), server_.data()));
    return Annotate(VerifyLedger(server_.data(), ledger_), "after a sweep");
  }

  absl::Status RestartCleanly() {
    NS_RETURN_IF_ERROR(Annotate(server_.Stop(), "a clean stop fails"));
    const bool rebuild = random_() % 4 == 0;
    if (rebuild) {
      ++figures_.rebuilds;
      NS_RETURN_IF_ERROR(Annotate(server_.Rebuild(), "a rebuild fails"));
    }
    NS_RETURN_IF_ERROR(Annotate(Start(), "after a clean stop"));
    if (server_.report().clean) return absl::OkStatus();
    return Broken("a clean stop is taken for a crash");
  }

  SimServer server_;
  Ledger ledger_;
  std::vector<Agent> agents_;
  const uint64_t crashes_;
  const StoreOptions& options_;
  std::mt19937_64& random_;
  Figures& figures_;
  const int depth_;
  CrashState next_;
};

}  // namespace

void Figures::Add(const Figures& other) {
  auto* mine = reinterpret_cast<uint64_t*>(this);
  const auto* others = reinterpret_cast<const uint64_t*>(&other);
  static_assert(sizeof(Figures) % sizeof(uint64_t) == 0);
  for (size_t i = 0; i < sizeof(Figures) / sizeof(uint64_t); ++i) {
    mine[i] += others[i];
  }
}

std::unique_ptr<SimDisk> DrawCrash(const SimDisk& disk, std::mt19937_64& random,
                                   Figures& figures) {
  if (random() % 8 == 0) {
    ++figures.kills;
    return disk.AfterKill();
  }
  uint64_t lost = 0;
  auto cut = disk.AfterPowerCut(random, &lost);
  figures.lost += lost;
  if (lost > 0) ++figures.lossy;
  return cut;
}

absl::Status CheckState(CrashState state, const StoreOptions& options,
                        std::mt19937_64& random, Figures& figures, int depth) {
  ++figures.states;
  return Check(std::move(state), options, random, figures, depth).Run();
}

absl::Status ScrubAll(DataDirectory& data) {
  for (Vault* vault : data.Vaults()) {
    NS_ASSIGN_OR_RETURN(auto problems, vault->Scrub({}));
    if (!problems.problems.empty()) {
      return Broken(absl::StrCat("scrub: ", problems.problems.front().detail));
    }
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
