// One vault of the server: its packs, journal, object index entries and
// catalogue of snapshots, and the commit that joins them. DESIGN.md in
// server/store has the argument why nothing acknowledged is lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/vault/collection.h"
#include "server/vault/damage.h"
#include "server/vault/deposit_session.h"
#include "server/vault/object_store.h"
#include "server/vault/recovery.h"
#include "server/vault/retention.h"
#include "server/vault/scrub.h"
#include "server/vault/scrub_cursor.h"
#include "server/vault/session_table.h"
#include "server/vault/snapshot_info.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

struct SnapshotFilter {
  std::string host;  // empty: all
  std::string set;   // empty: all
  // The last that is let through: live ones only, those in the trash too, all.
  SnapshotLife life = SnapshotLife::kLive;
};

// Answer to one id of a fetch, in the order the server found best.
struct FetchedObject {
  ObjectId id;
  // OK with bytes; NOT_FOUND: absent; UNAVAILABLE: cannot be read now;
  // DATA_LOSS: what is stored is not this object.
  absl::Status status;
  std::string bytes;
};

struct VaultFigures {
  uint64_t snapshots = 0;  // live ones
  uint64_t expired_snapshots = 0;
  uint64_t stored_bytes = 0;  // packs, with what belongs to no object
  uint64_t stored_objects = 0;
  uint64_t open_sessions = 0;
  uint64_t generation = 0;
};

// Of one domain: every object that is stored, committed or not.
struct StoredFigures {
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t charged_bytes = 0;
};

// What monitoring tells of retention.
struct RetentionSight {
  uint64_t holds = 0;  // set by orders
  // Each host with snapshots, and whether prune takes nothing of it until an
  // admin has looked at it.
  std::vector<std::pair<std::string, bool>> hosts;
  size_t recovery_keys = 0;  // that the keyring is sealed to
  // When a person last opened the keyring with any of them.
  std::optional<absl::Time> recovery_proven;
};

// How often a set was committed.
struct SetRate {
  // Since the time that was asked for, if it is not keyed.
  uint64_t snapshots = 0;
  absl::Time oldest;  // of them
  bool keyed = false;
  bool session_committed = false;
};

struct EndedPackInfo {
  std::string pack;  // file name
  std::string reason;
  absl::Time since;
};

struct VaultHealth {
  uint64_t open_packs = 0;
  uint64_t finished_packs = 0;
  uint64_t dead_packs = 0;  // ended early by a failed write or sync
  std::vector<EndedPackInfo> lost_packs;
  uint64_t quarantined_copies = 0;
  uint64_t open_findings = 0;  // objects without a good copy
  uint64_t healed = 0;
  uint64_t unreadable = 0;  // as of the last scrub of this run
  // Snapshots that FindDamage named last; nothing if it was not asked.
  std::optional<uint64_t> hit_snapshots;
  std::optional<LastScrub> last_scrub;
  absl::Time created;
  uint64_t forged_records = 0;
  std::vector<ForgedRecord> forged;  // the first of them
};

// Thread-safe.
class Vault {
 public:
  // Makes the vault's directories and journal below `paths.root`. Repeating it
  // after an interruption is safe; ALREADY_EXISTS if it has a journal.
  static absl::Status Create(FileSystem& fs, const VaultPaths& paths,
                             const VaultRegistration& vault,
                             const ServerId& server, const VerifyKey& admin_key,
                             ByteView sealed_keyring, const Clock& clock);
  // Recovers first. Borrows fs, clock and index. `progress`: as RecoverVault.
  static absl::StatusOr<std::unique_ptr<Vault>> Open(
      FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
      const Clock& clock, ObjectIndex& index, const StoreOptions& options,
      StartupReport& report, const IndexProgress& progress = {});
  // Writes no file; puts what the packs hold into `index`.
  static absl::StatusOr<std::unique_ptr<Vault>> OpenReadOnly(
      FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
      const Clock& clock, ObjectIndex& index, StartupReport& report);
  ~Vault();

  const VaultRegistration& registration() const { return registration_; }

  // Every session from now on. Before the vault is used by more than one
  // thread.
  void RefuseSessions(const absl::Status& why) { refusal_ = why; }
  // FAILED_PRECONDITION: the vault is read-only. The session must be dropped
  // before the vault.
  absl::StatusOr<std::unique_ptr<DepositSession>> OpenSession(
      const HostRegistration& host, absl::string_view set,
      const SessionId& session);

  // Sessions that did not end and have no stream.
  std::vector<IdleSession> IdleSessions() const { return sessions_.Idle(); }
  // Ends those that were left before `before` by the vault's clock; returns how
  // many. Their agents may still go on, and put again what was collected.
  size_t ExpireSessions(absl::Time before) { return sessions_.Expire(before); }

  // By sequence.
  std::vector<SnapshotInfo> Snapshots(const SnapshotFilter& filter) const;

  // Of every set that ever had a snapshot, by host and set. Copies no manifest.
  std::vector<SetSummary> Sets() const;

  // What holds for a set at `now`; `set` empty: for the host.
  EffectivePolicy PolicyOf(absl::string_view host, absl::string_view set,
                           absl::Time now) const;
  RetentionSight SightOfRetention(absl::Time now) const;

  SetRate RateOf(absl::string_view host, absl::string_view set,
                 const SessionId& session, absl::Time since) const;

  // By domain number; `charge` says what an object of a size, or a manifest,
  // counts as. Reads the whole object index; of what is put meanwhile some is
  // counted.
  absl::StatusOr<std::map<uint32_t, StoredFigures>> CountStored(
      const std::function<uint64_t(uint64_t size, bool is_manifest)>& charge);

  // Reads and verifies each object; calls `take` once for each id. Stops with
  // its error if `take` returns one.
  absl::Status Fetch(uint32_t domain_number, const std::vector<ObjectId>& ids,
                     const std::function<absl::Status(FetchedObject)>& take);

  // Serialised SealedKeyring; empty if none was stored.
  std::string sealed_keyring() const;
  // The manifest of the newest live snapshot; empty if there is none.
  std::string NewestManifest() const;

  // As the functions of retention.h. `sealed_keyring`: what an order to store
  // one names.
  absl::Status Obey(const v1::format::SignedOrder& order,
                    absl::string_view sealed_keyring = "");
  absl::Status CopyAdminKeys(
      const std::vector<v1::format::SignedOrder>& orders);
  std::vector<HostPlan> Plans(const std::string& host) const;
  absl::StatusOr<std::vector<HostPlan>> PruneByPolicy();
  absl::StatusOr<uint64_t> PurgeDue();

  // What the journal says, under its lock: for what has no call of its own.
  template <typename F>
  auto Read(F take) const {
    return journal_->Read(take);
  }

  // As ScrubVault, anew or from where an interrupted one stopped, and journals
  // that it was done. Stopped by an error of `progress` or a kill, it can be
  // resumed. One at a time: FAILED_PRECONDITION if one is under way.
  absl::StatusOr<ScrubResult> Scrub(const ScrubCallback& progress,
                                    bool resume = false);
  // What the last scrub of this run could not read.
  std::vector<ScrubProblem> Unreadable() const;
  // How far an interrupted or present one was when that was last saved.
  std::optional<ScrubCursor> scrub_cursor() const;

  // Which snapshots lack something, as of now; ends as DamageFinder::Find.
  // UNAVAILABLE: the index failed.
  absl::StatusOr<Damage> FindDamage(absl::Time deadline,
                                    const std::function<bool()>& must_end = {});

  // Frees what nothing needs any more; backups and restores go on meanwhile.
  // Stopped by an error of `progress` or a kill, it loses nothing, and the next
  // one begins anew. Errors as Collection::Step. One at a time:
  // FAILED_PRECONDITION if one is under way.
  absl::StatusOr<CollectResult> Collect(const CollectOptions& options,
                                        const CollectCallback& progress);
  // The same in steps, for tests that do something else between them. The
  // caller sees to it that there is one at a time.
  std::unique_ptr<Collection> BeginCollection(const CollectOptions& options);
  // A collection that is under way has condemned it.
  bool IsCondemned(uint32_t domain_number, const ObjectId& id) const {
    return store_->touches().IsCondemned(domain_number, id);
  }

  VaultFigures figures() const;
  VaultHealth health() const;

  // Not empty: changes are refused until a restart; says why.
  std::string read_only_reason() const;
  // Finishes all packs, which marks a clean stop. No session may be in use.
  absl::Status Close();

 private:
  Vault(FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
        const Clock& clock, ObjectIndex& index,
        std::unique_ptr<VaultJournal> journal, const StoreOptions& options);
  absl::StatusOr<ScrubResult> ScrubFrom(ScrubCursor cursor,
                                        const ScrubCallback& progress);
  void SaveCursor(const ScrubCursor& cursor);
  // A small file, once, under the lock.
  void LoadCursor() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(scrub_mutex_);

  FileSystem& fs_;
  const VaultPaths paths_;
  const VaultRegistration registration_;
  const Clock& clock_;
  ObjectIndex& index_;
  const std::unique_ptr<VaultJournal> journal_;
  const std::unique_ptr<ObjectStore> store_;
  SessionTable sessions_;
  DamageFinder damage_;
  std::atomic<uint64_t> open_sessions_ = 0;
  absl::Status refusal_;
  std::atomic<bool> collecting_ = false;
  mutable absl::Mutex scrub_mutex_;
  bool scrubbing_ ABSL_GUARDED_BY(scrub_mutex_) = false;
  // Read when it is first asked for: no reason for a start to fail.
  mutable bool cursor_loaded_ ABSL_GUARDED_BY(scrub_mutex_) = false;
  mutable std::optional<ScrubCursor> cursor_ ABSL_GUARDED_BY(scrub_mutex_);
  // Of the last scrub.
  std::vector<ScrubProblem> unreadable_ ABSL_GUARDED_BY(scrub_mutex_);
  std::optional<uint64_t> hit_snapshots_ ABSL_GUARDED_BY(scrub_mutex_);
};

}  // namespace nightsafe
