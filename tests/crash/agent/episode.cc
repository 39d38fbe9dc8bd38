#include "tests/crash/agent/episode.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/state.h"

namespace nightsafe {
namespace {

// Drawn from one power cut.
constexpr int kDisks = 6;

// Some time ahead, so that files just made count as old enough to trust.
class AheadClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now() + absl::Minutes(1); }
};

absl::Status Dead() { return absl::UnavailableError("the machine is off"); }

}  // namespace

Episode::Episode(AgentWorld& world, uint64_t seed,
                 const std::optional<SimDisk::Defect>& defect)
    : world_(world),
      set_(absl::StrCat("s", seed)),
      random_(seed),
      tree_(world.directory().Path(set_), random_()),
      options_(world.OptionsFor(set_, tree_.root())),
      disk_(std::make_unique<SimDisk>(random_())) {
  if (defect.has_value()) disk_->Plant(*defect);
}

void Episode::Run(uint64_t states) {
  for (uint64_t i = 0; i < states && world_.violations().empty(); ++i) {
    CrashOnce();
    // Now and then one crash follows upon the other.
    if (random_() % 3 != 0 && world_.violations().empty()) Recover();
  }
  if (world_.violations().empty()) Recover();
}

absl::Status Episode::OnCall(Crash crash, uint64_t call,
                             FileOperation operation) {
  absl::MutexLock lock(&mutex_);
  if (dead_) return Dead();
  if (operation == FileOperation::kRead || count_++ != call) {
    return absl::OkStatus();
  }
  if (crash == Crash::kBeforeCall) DrawDisks();
  dead_ = true;
  return Dead();
}

void Episode::DrawDisks() {
  left_.clear();
  left_.push_back({disk_->AfterKill(), true, false});
  for (int i = 0; i < kDisks; ++i) {
    uint64_t lost = 0;
    auto disk = disk_->AfterPowerCut(random_, &lost);
    left_.push_back({std::move(disk), false, lost != 0});
  }
}

absl::StatusOr<BackupResult> Episode::Backup(Crash crash, uint64_t call) {
  {
    absl::MutexLock lock(&mutex_);
    dead_ = false;
    count_ = 0;
    left_.clear();
  }
  const bool at_call =
      crash == Crash::kBeforeCall || crash == Crash::kDuringCall;
  const uint64_t when = at_call ? call : UINT64_MAX;
  disk_->Observe(
      [this, crash, when](FileOperation operation, absl::string_view) {
        return OnCall(crash, when, operation);
      });
  if (crash == Crash::kAnswerLost) {
    const size_t before = known_snapshots_;
    world_.link().CutIf(
        [this, before] { return world_.Snapshots(set_).size() > before; });
  }
  auto result =
      RunBackup(options_, world_.key(), *disk_, AheadClock(),
                [this, crash](const BackupProgress& progress) {
                  if (crash != Crash::kBeforeCommit ||
                      progress.phase != BackupProgress::Phase::kCommitting) {
                    return;
                  }
                  absl::MutexLock lock(&mutex_);
                  if (std::exchange(dead_, true)) return;
                  DrawDisks();
                  world_.link().SetUp(false);
                });
  disk_->Observe(nullptr);
  world_.link().CutIf(nullptr);
  world_.link().SetUp(true);
  absl::MutexLock lock(&mutex_);
  if (left_.empty()) DrawDisks();
  if (result.ok() && !dead_) calls_ = count_;
  return result;
}

void Episode::CrashOnce() {
  tree_.Change();
  candidates_.push_back(tree_.Take());
  constexpr Crash kKinds[] = {Crash::kBeforeCall,   Crash::kBeforeCall,
                              Crash::kBeforeCall,   Crash::kDuringCall,
                              Crash::kDuringCall,   Crash::kDuringCall,
                              Crash::kBeforeCommit, Crash::kAnswerLost};
  const Crash crash = kKinds[random_() % std::size(kKinds)];
  const auto result = Backup(crash, random_() % (calls_ + 2));
  if (result.ok()) acknowledged_.push_back(result->snapshot);
  ++world_.figures().states;
  CheckNew(nullptr);
  CheckLeft(result.ok());
  absl::MutexLock lock(&mutex_);
  Left& chosen = left_[random_() % 3 == 0 ? 0 : random_() % left_.size()];
  power_lost_ |= !chosen.killed;
  world_.figures().by_kill += chosen.killed ? 1 : 0;
  world_.figures().lost_something += chosen.lost_something ? 1 : 0;
  disk_ = std::move(chosen.disk);
}

void Episode::CheckLeft(bool acknowledged) {
  const std::vector<SnapshotInfo> listed = world_.Snapshots(set_);
  absl::MutexLock lock(&mutex_);
  CountPhase(acknowledged, *left_[0].disk);
  for (const Left& left : left_) {
    ++world_.figures().drawn;
    CheckDisk(*left.disk, set_, listed, acknowledged,
              left.killed && !power_lost_, world_.key(), world_);
  }
}

void Episode::CountPhase(bool acknowledged, const SimDisk& killed) {
  AgentFigures& figures = world_.figures();
  const auto copy = killed.AfterKill();
  const auto state = LoadSetState(*copy, SetDirectory(kAgentDirectory, set_));
  if (acknowledged) {
    ++figures.after_commit;
  } else if (state.ok() && state->pending.has_value()) {
    ++figures.in_commit;
    if (state->chain_counter < known_snapshots_) ++figures.answer_lost;
  } else {
    ++figures.before_commit;
  }
}

void Episode::Recover() {
  tree_.Change();
  const Picture now = tree_.Take();
  const size_t before = known_snapshots_;
  const auto result = Backup(Crash::kBeforeCall, UINT64_MAX);
  if (!result.ok()) {
    world_.Violated(
        absl::StrCat("the next backup fails: ", result.status().ToString()));
    return;
  }
  if (!result->problems.empty()) {
    world_.Violated("the next backup has problems: " +
                    result->problems[0].message);
  }
  acknowledged_.push_back(result->snapshot);
  power_lost_ = false;
  CheckNew(&now);
  world_.figures().resolved += known_snapshots_ - before - 1;
  if (world_.Snapshots(set_).back().id != result->snapshot) {
    world_.Violated("the snapshot reported is not the last one listed");
  }
  candidates_ = {now};
  CheckLeft(/*acknowledged=*/true);
}

void Episode::CheckNew(const Picture* last) {
  const std::vector<SnapshotInfo> listed = world_.Snapshots(set_);
  for (size_t i = known_snapshots_; i < listed.size(); ++i) {
    const Picture picture = world_.Read(listed[i], tree_.root());
    if (last != nullptr && i + 1 == listed.size()) {
      if (picture != *last) {
        world_.Violated("the snapshot is not the source: " +
                        DifferenceOf(picture, *last));
      }
    } else if (std::find(candidates_.begin(), candidates_.end(), picture) ==
               candidates_.end()) {
      world_.Violated(absl::StrCat(
          "snapshot ", i + 1, " is none of ", candidates_.size(),
          " trees that were backed up, such as: ",
          candidates_.empty() ? ""
                              : DifferenceOf(picture, candidates_.back())));
    }
  }
  known_snapshots_ = listed.size();
  CheckChain(listed, world_);
  for (const SnapshotId& id : acknowledged_) {
    const auto count =
        std::count_if(listed.begin(), listed.end(),
                      [&id](const SnapshotInfo& s) { return s.id == id; });
    if (count != 1) {
      world_.Violated(
          absl::StrCat("an acknowledged snapshot is listed ", count, " times"));
    }
  }
}

}  // namespace nightsafe
