#include "server/vault/vault.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/time/clock.h"
#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "server/vault/removed_packs.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr size_t kFetchBatch = 1024;
constexpr absl::Duration kCursorInterval = absl::Seconds(30);

}  // namespace

absl::Status Vault::Create(FileSystem& fs, const VaultPaths& paths,
                           const VaultRegistration& vault,
                           const ServerId& server, const VerifyKey& admin_key,
                           ByteView sealed_keyring, const Clock& clock) {
  for (const std::string& directory :
       {paths.open, paths.sealed, paths.removed}) {
    NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, directory, kDirectoryMode));
  }
  NS_KILL_POINT("vault.directories-made");
  return VaultJournal::Create(fs, paths.journal, vault, server, admin_key,
                              sealed_keyring, clock);
}

Vault::Vault(FileSystem& fs, const VaultPaths& paths,
             const VaultRegistration& vault, const Clock& clock,
             ObjectIndex& index, std::unique_ptr<VaultJournal> journal,
             const StoreOptions& options)
    : fs_(fs),
      paths_(paths),
      registration_(vault),
      clock_(clock),
      index_(index),
      journal_(std::move(journal)),
      store_(std::make_unique<ObjectStore>(fs, paths_, vault.id, index,
                                           *journal_, options)),
      sessions_(store_->touches(), clock, options.max_idle_sessions),
      damage_(*store_, *journal_) {}

Vault::~Vault() = default;

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(
    FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
    const Clock& clock, ObjectIndex& index, const StoreOptions& options,
    StartupReport& report, const IndexProgress& progress) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<VaultJournal> journal,
                      VaultJournal::Open(fs, paths.journal, vault, clock));
  if (options.take_back_removed) {
    NS_RETURN_IF_ERROR(TakeBackRemoved(fs, paths, vault, *journal, report));
  }
  NS_RETURN_IF_ERROR(
      RecoverVault(fs, paths, vault, index, *journal, report, progress));
  return std::unique_ptr<Vault>(
      new Vault(fs, paths, vault, clock, index, std::move(journal), options));
}

absl::StatusOr<std::unique_ptr<Vault>> Vault::OpenReadOnly(
    FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
    const Clock& clock, ObjectIndex& index, StartupReport& report) {
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<VaultJournal> journal,
      VaultJournal::OpenReadOnly(fs, paths.journal, vault, clock));
  NS_RETURN_IF_ERROR(
      IndexVault(fs, paths, vault, index, *journal, report, {}).status());
  return std::unique_ptr<Vault>(new Vault(fs, paths, vault, clock, index,
                                          std::move(journal), StoreOptions{}));
}

absl::StatusOr<std::unique_ptr<DepositSession>> Vault::OpenSession(
    const HostRegistration& host, absl::string_view set,
    const SessionId& session) {
  NS_RETURN_IF_ERROR(ValidateName("set", set));
  NS_RETURN_IF_ERROR(refusal_);
  if (const std::string reason = read_only_reason(); !reason.empty()) {
    return absl::FailedPreconditionError(reason);
  }
  if (host.vault != registration_.name || host.domain_number == 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "host ", host.name, " is not of vault ", registration_.name));
  }
  open_sessions_.fetch_add(1);
  return std::make_unique<DepositSession>(
      *store_, *journal_, sessions_,
      sessions_.Enter(host.name, session, host.domain_number), registration_,
      host, set, session, [this] { open_sessions_.fetch_sub(1); });
}

std::vector<SnapshotInfo> Vault::Snapshots(const SnapshotFilter& filter) const {
  std::vector<SnapshotInfo> found;
  journal_->Read([&](const VaultState& state) {
    for (const SnapshotInfo& info : state.snapshots()) {
      if (!filter.host.empty() && info.host != filter.host) continue;
      if (!filter.set.empty() && info.set != filter.set) continue;
      if (info.life > filter.life) continue;
      found.push_back(info);
    }
  });
  return found;
}

std::vector<SetSummary> Vault::Sets() const {
  std::map<std::pair<std::string, std::string>, SetSummary> sets;
  journal_->Read([&](const VaultState& state) {
    for (const SnapshotInfo& info : state.snapshots()) {
      SetSummary& summary = sets[{info.host, info.set}];
      // Times rise with the sequence.
      summary.last_received = info.received;
      summary.expired += info.life == SnapshotLife::kExpired;
      if (info.life != SnapshotLife::kLive) continue;
      ++summary.snapshots;
      summary.forked |= info.forked;
      summary.restarted |= info.restarted;
    }
  });
  std::vector<SetSummary> summaries;
  for (auto& [name, summary] : sets) {
    std::tie(summary.host, summary.set) = name;
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

absl::Status Vault::Fetch(
    uint32_t domain_number, const std::vector<ObjectId>& ids,
    const std::function<absl::Status(FetchedObject)>& take) {
  for (size_t begin = 0; begin < ids.size(); begin += kFetchBatch) {
    const std::span<const ObjectId> batch = std::span(ids).subspan(
        begin, std::min(kFetchBatch, ids.size() - begin));
    NS_ASSIGN_OR_RETURN(auto found, store_->Find(domain_number, batch));
    std::vector<IndexEntry> present;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (found[i]) {
        present.push_back({domain_number, batch[i], *found[i]});
        continue;
      }
      NS_RETURN_IF_ERROR(take({.id = batch[i],
                               .status = absl::NotFoundError(absl::StrCat(
                                   "object ", batch[i].Hex(), " is absent"))}));
    }
    std::sort(present.begin(), present.end(), [](const auto& a, const auto& b) {
      return std::pair(a.location.pack, a.location.offset) <
             std::pair(b.location.pack, b.location.offset);
    });
    for (const IndexEntry& entry : present) {
      FetchedObject object{.id = entry.id};
      absl::StatusOr<std::string> bytes =
          store_->Read(domain_number, entry.id, entry.location);
      object.status = bytes.status();
      if (absl::IsDataLoss(object.status)) {
        // Absent from now on, so that it is put again. Where nothing may be
        // written, the answer alone must do.
        store_->Quarantine(std::span(&entry, 1), object.status.message())
            .IgnoreError();
      }
      if (bytes.ok()) object.bytes = *std::move(bytes);
      NS_RETURN_IF_ERROR(take(std::move(object)));
    }
  }
  return absl::OkStatus();
}

std::string Vault::sealed_keyring() const {
  return journal_->Read(
      [](const VaultState& state) { return state.sealed_keyring(); });
}

absl::Status Vault::Obey(const v1::format::SignedOrder& order,
                         absl::string_view sealed_keyring) {
  VaultRecord::Ordered ordered;
  *ordered.mutable_order() = order;
  ordered.set_sealed_keyring(std::string(sealed_keyring));
  return ObeyOrder(*journal_, ordered);
}

absl::Status Vault::CopyAdminKeys(
    const std::vector<v1::format::SignedOrder>& orders) {
  return nightsafe::CopyAdminKeys(*journal_, orders);
}

std::vector<HostPlan> Vault::Plans(const std::string& host) const {
  return PlanHosts(*journal_, host, clock_);
}

absl::StatusOr<std::vector<HostPlan>> Vault::PruneByPolicy() {
  return nightsafe::PruneByPolicy(*journal_, clock_);
}

absl::StatusOr<uint64_t> Vault::PurgeDue() {
  return nightsafe::PurgeDue(*journal_);
}

absl::StatusOr<ScrubResult> Vault::Scrub(const ScrubCallback& progress,
                                         bool resume) {
  ScrubCursor cursor;
  {
    absl::MutexLock lock(&scrub_mutex_);
    if (scrubbing_) {
      return absl::FailedPreconditionError(absl::StrCat(
          "a scrub of vault ", registration_.name, " is under way"));
    }
    scrubbing_ = true;
    LoadCursor();
    if (resume && cursor_) cursor = *cursor_;
  }
  if (cursor.started_unix_ns() == 0) {
    cursor.set_started_unix_ns(absl::ToUnixNanos(clock_.Now()));
  }
  absl::StatusOr<ScrubResult> result = ScrubFrom(std::move(cursor), progress);
  absl::MutexLock lock(&scrub_mutex_);
  scrubbing_ = false;
  if (!result.ok()) return result;
  unreadable_.clear();
  for (const ScrubProblem& problem : result->problems) {
    if (problem.verdict == Verdict::kUnreadable) unreadable_.push_back(problem);
  }
  return result;
}

absl::StatusOr<ScrubResult> Vault::ScrubFrom(ScrubCursor cursor,
                                             const ScrubCallback& progress) {
  const absl::Time begun = absl::Now();
  const int64_t active_ns = cursor.active_ns();
  absl::Time saved = begun;
  const auto with_time = [&](ScrubCursor now) {
    now.set_active_ns(active_ns +
                      absl::ToInt64Nanoseconds(absl::Now() - begun));
    return now;
  };
  const auto step = [&](const ScrubProgress& so_far) {
    const absl::Status status = progress ? progress(so_far) : absl::OkStatus();
    if (!status.ok() || absl::Now() - saved >= kCursorInterval) {
      SaveCursor(with_time(*so_far.cursor));
      saved = absl::Now();
    }
    return status;
  };
  NS_ASSIGN_OR_RETURN(ScrubResult result, ScrubVault({.fs = fs_,
                                                      .paths = paths_,
                                                      .vault = registration_.id,
                                                      .index = index_,
                                                      .journal = *journal_,
                                                      .store = *store_},
                                                     cursor, step));
  result.figures = with_time(result.figures);
  if (journal_->failure().ok()) {
    NS_RETURN_IF_ERROR(journal_->Update([&](const VaultState&, int64_t) {
      return std::vector<VaultRecord>{ScrubbedRecord(result.figures)};
    }));
    RemoveScrubCursor(fs_, paths_).IgnoreError();  // it would begin anew
    absl::MutexLock lock(&scrub_mutex_);
    cursor_.reset();
  }
  return result;
}

// Without it the next scrub begins anew: no reason to fail.
void Vault::SaveCursor(const ScrubCursor& cursor) {
  if (!journal_->failure().ok()) return;
  SaveScrubCursor(fs_, paths_, cursor).IgnoreError();
  absl::MutexLock lock(&scrub_mutex_);
  cursor_ = cursor;
}

void Vault::LoadCursor() const {
  if (cursor_loaded_) return;
  cursor_ = LoadScrubCursor(fs_, paths_);
  cursor_loaded_ = true;
}

std::optional<ScrubCursor> Vault::scrub_cursor() const {
  absl::MutexLock lock(&scrub_mutex_);
  LoadCursor();
  return cursor_;
}

std::vector<ScrubProblem> Vault::Unreadable() const {
  absl::MutexLock lock(&scrub_mutex_);
  return unreadable_;
}

absl::StatusOr<Damage> Vault::FindDamage(
    absl::Time deadline, const std::function<bool()>& must_end) {
  NS_ASSIGN_OR_RETURN(Damage damage,
                      damage_.Find(Unreadable(), deadline, must_end));
  absl::MutexLock lock(&scrub_mutex_);
  if (damage.complete) hit_snapshots_ = damage.snapshots.size();
  return damage;
}

absl::StatusOr<CollectResult> Vault::Collect(const CollectOptions& options,
                                             const CollectCallback& progress) {
  if (collecting_.exchange(true)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a collection of vault ", registration_.name, " is under way"));
  }
  const auto collect = [&]() -> absl::StatusOr<CollectResult> {
    CollectOptions telling = options;
    telling.on_copied = progress;
    const auto collection = BeginCollection(telling);
    for (bool done = false; !done;) {
      NS_ASSIGN_OR_RETURN(done, collection->Step());
      if (progress) NS_RETURN_IF_ERROR(progress(collection->progress()));
    }
    return collection->result();
  };
  auto result = collect();
  collecting_ = false;
  return result;
}

std::unique_ptr<Collection> Vault::BeginCollection(
    const CollectOptions& options) {
  return std::make_unique<Collection>(
      CollectedVault{fs_, paths_, registration_.id, index_, *journal_, *store_},
      options, absl::ToUnixNanos(clock_.Now()));
}

VaultFigures Vault::figures() const {
  VaultFigures figures;
  const auto [objects, bytes] = store_->UnsealedFigures();
  figures.stored_objects = objects;
  figures.stored_bytes = bytes;
  figures.open_sessions = open_sessions_.load();
  journal_->Read([&](const VaultState& state) {
    for (const SnapshotInfo& info : state.snapshots()) {
      figures.snapshots += info.life == SnapshotLife::kLive;
      figures.expired_snapshots += info.life == SnapshotLife::kExpired;
    }
    figures.generation = state.generation();
    for (const auto& [pack, pack_state] : state.packs()) {
      if (!pack_state.sealed || pack_state.removed) continue;
      figures.stored_objects += pack_state.objects;
      figures.stored_bytes += pack_state.synced_length;
    }
  });
  return figures;
}

VaultHealth Vault::health() const {
  VaultHealth health;
  health.open_packs = store_->UnsealedPacks().size();
  journal_->Read([&](const VaultState& state) {
    for (const auto& [pack, pack_state] : state.packs()) {
      if (pack_state.removed) continue;
      health.dead_packs += pack_state.dead;
      health.finished_packs += pack_state.sealed && !pack_state.lost;
      if (!pack_state.lost) continue;
      health.lost_packs.push_back(
          {.pack = PackFileName(pack),
           .reason = pack_state.ended_reason,
           .since = absl::FromUnixNanos(pack_state.ended_ns)});
    }
    for (const auto& [object, copies] : state.quarantine()) {
      health.quarantined_copies += copies.size();
    }
    health.open_findings = state.open_findings();
    health.healed = state.healed();
    health.last_scrub = state.last_scrub();
    health.created = absl::FromUnixNanos(state.created_ns());
    health.forged_records = state.retention().forged_records();
    health.forged = state.retention().forged();
  });
  std::sort(health.lost_packs.begin(), health.lost_packs.end(),
            [](const auto& a, const auto& b) {
              return std::tie(a.since, a.pack) < std::tie(b.since, b.pack);
            });
  absl::MutexLock lock(&scrub_mutex_);
  health.unreadable = unreadable_.size();
  health.hit_snapshots = hit_snapshots_;
  return health;
}

std::string Vault::read_only_reason() const {
  const absl::Status failure = store_->failure();
  if (failure.ok()) return "";
  return absl::StrCat("vault ", registration_.name,
                      " is read-only: ", failure.message());
}

absl::Status Vault::Close() { return store_->SealAll(); }

}  // namespace nightsafe
