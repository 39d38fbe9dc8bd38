#include "server/vault/scrubber.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "server/vault/throttle.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kScheduleTick = absl::Seconds(5);
constexpr absl::Duration kRetryInterval = absl::Hours(1);
constexpr absl::Duration kWatchInterval = absl::Milliseconds(500);

// From linux/ioprio.h, which older headers lack.
constexpr int kIoprioWhoProcess = 1;
constexpr int kIoprioIdle = 3 << 13;

// Of the calling thread. Refused or not, the scrub is right.
void TakeLowPriority() {
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  ::setpriority(PRIO_PROCESS, thread, 19);
  ::syscall(SYS_ioprio_set, kIoprioWhoProcess, thread, kIoprioIdle);
}

}  // namespace

Scrubber::Scrubber(DataDirectory& data, const Clock& clock,
                   const ScrubSchedule& schedule)
    : data_(data),
      clock_(clock),
      schedule_(schedule),
      thread_([this] { RunSchedule(); }) {}

Scrubber::~Scrubber() { Stop(); }

void Scrubber::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](bool* asked) { return !*asked; }, &asked_));
}

bool Scrubber::MustEnd(bool scheduled) const {
  return stopping_ || (scheduled ? asked_ : cancelled_);
}

std::optional<absl::Time> Scrubber::NextScrub(const Vault& vault) const {
  if (schedule_.interval <= absl::ZeroDuration()) return std::nullopt;
  if (const auto cursor = vault.scrub_cursor()) {
    return absl::FromUnixNanos(cursor->started_unix_ns());
  }
  const VaultHealth health = vault.health();
  const absl::Time last =
      health.last_scrub
          ? absl::FromUnixNanos(health.last_scrub->figures.started_unix_ns())
          : health.created;
  return last + schedule_.interval;
}

bool Scrubber::IsDue(const Vault& vault) const {
  const std::optional<absl::Time> next = NextScrub(vault);
  if (!next.has_value()) return false;
  const absl::Time now = clock_.Now();
  // A clock that was set back must not put it off for long.
  return *next <= now || *next > now + 2 * schedule_.interval;
}

void Scrubber::RunSchedule() {
  if (schedule_.interval <= absl::ZeroDuration()) return;
  TakeLowPriority();
  const absl::Duration tick = std::min(kScheduleTick, schedule_.interval);
  const absl::Duration patience = std::min(kRetryInterval, schedule_.interval);
  // A scrub that leaves no record, on a disk that takes none, is not repeated
  // at once.
  absl::flat_hash_map<std::string, absl::Time> ended;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), tick);
      if (stopping_) return;
    }
    for (Vault* vault : data_.Vaults()) {
      const auto it = ended.find(vault->registration().name);
      if (it != ended.end() && absl::Now() < it->second + patience) continue;
      if (!IsDue(*vault) || !RunScheduled(*vault)) continue;
      ended[vault->registration().name] = absl::Now();
    }
  }
}

bool Scrubber::RunScheduled(Vault& vault) {
  {
    absl::MutexLock lock(&mutex_);
    if (MustEnd(/*scheduled=*/true)) return false;
    running_ = true;
  }
  const absl::Status status =
      Run(vault, schedule_.bytes_per_second, /*resume=*/true,
          /*scheduled=*/true)
          .status();
  absl::MutexLock lock(&mutex_);
  running_ = false;
  return !absl::IsCancelled(status);
}

absl::StatusOr<ScrubResult> Scrubber::Run(Vault& vault,
                                          uint64_t bytes_per_second,
                                          bool resume, bool scheduled) {
  {
    absl::MutexLock lock(&mutex_);
    sight_ =
        ScrubSight{.vault = vault.registration().name, .scheduled = scheduled};
  }
  Throttle throttle(bytes_per_second);
  std::optional<ScrubProgress> before;
  absl::StatusOr<ScrubResult> result = vault.Scrub(
      [&](const ScrubProgress& progress) {
        {
          absl::MutexLock lock(&mutex_);
          if (before.has_value()) {
            totals_.objects += progress.objects - before->objects;
            totals_.bytes += progress.bytes - before->bytes;
          } else if (!resume) {
            totals_.objects += progress.objects;
            totals_.bytes += progress.bytes;
          }
        }
        before = progress;
        return Step(progress, throttle.PauseAfter(progress.bytes, absl::Now()),
                    scheduled);
      },
      resume);
  // So that metrics know which snapshots are hit.
  if (result.ok()) {
    vault
        .FindDamage(absl::InfiniteFuture(),
                    [&] {
                      absl::MutexLock lock(&mutex_);
                      return MustEnd(scheduled);
                    })
        .status()
        .IgnoreError();
  }
  absl::MutexLock lock(&mutex_);
  sight_.reset();
  return result;
}

absl::Status Scrubber::Step(const ScrubProgress& progress, absl::Duration pause,
                            bool scheduled) {
  const auto must_end = [this, scheduled]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return MustEnd(scheduled);
  };
  absl::MutexLock lock(&mutex_);
  sight_->progress = progress;
  sight_->progress.cursor = nullptr;
  if (mutex_.AwaitWithTimeout(absl::Condition(&must_end), pause)) {
    return absl::CancelledError("the scrub was stopped; it can be resumed");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<VaultFindings>> Scrubber::ScrubNow(
    const Request& request,
    const std::function<absl::Status(const ScrubSight&)>& watch) {
  std::vector<Vault*> vaults = data_.Vaults();
  if (!request.vault.empty()) {
    NS_ASSIGN_OR_RETURN(Vault * one, data_.FindVault(request.vault));
    vaults = {one};
  }
  {
    absl::MutexLock lock(&mutex_);
    if (asked_ || stopping_) {
      return absl::FailedPreconditionError(
          stopping_ ? "the server stops"
                    : "another scrub is under way: `nightsafe-admin status` "
                      "shows it");
    }
    asked_ = true;
    cancelled_ = false;
    const auto is_free = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !running_;
    };
    mutex_.Await(absl::Condition(&is_free));
    running_ = true;
  }
  std::vector<VaultFindings> findings;
  absl::Status status;
  bool done = false;  // guarded by mutex_
  std::thread worker([&] {
    TakeLowPriority();
    for (Vault* vault : vaults) {
      absl::StatusOr<ScrubResult> result =
          Run(*vault, request.bytes_per_second, request.resume,
              /*scheduled=*/false);
      if (!result.ok()) {
        status = result.status();
        break;
      }
      findings.push_back({vault->registration().name, *std::move(result)});
    }
    absl::MutexLock lock(&mutex_);
    done = true;
  });
  while (true) {
    std::optional<ScrubSight> now;
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&done), kWatchInterval)) {
        break;
      }
      now = sight_;
    }
    if (!now.has_value() || watch(*now).ok()) continue;
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  worker.join();
  {
    absl::MutexLock lock(&mutex_);
    running_ = false;
    asked_ = false;
  }
  NS_RETURN_IF_ERROR(status);
  return findings;
}

std::optional<ScrubSight> Scrubber::sight() const {
  absl::MutexLock lock(&mutex_);
  return sight_;
}

ScrubTotals Scrubber::totals() const {
  absl::MutexLock lock(&mutex_);
  return totals_;
}

}  // namespace nightsafe
