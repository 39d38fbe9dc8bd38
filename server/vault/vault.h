// One vault of the server: its packs, journal, object index entries and
// catalogue of snapshots, and the commit that joins them. DESIGN.md in
// server/store has the argument why nothing acknowledged is lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/vault/deposit_session.h"
#include "server/vault/object_store.h"
#include "server/vault/recovery.h"
#include "server/vault/scrub.h"
#include "server/vault/snapshot_info.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

struct SnapshotFilter {
  std::string host;  // empty: all
  std::string set;   // empty: all
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
  uint64_t snapshots = 0;
  uint64_t stored_bytes = 0;  // packs, with what belongs to no object
  uint64_t stored_objects = 0;
  uint64_t open_sessions = 0;
  uint64_t generation = 0;
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

  // By sequence.
  std::vector<SnapshotInfo> Snapshots(const SnapshotFilter& filter) const;

  // Of every set with a snapshot, by host and set. Copies no manifest.
  std::vector<SetSummary> Sets() const;

  // Reads and verifies each object; calls `take` once for each id. Stops with
  // its error if `take` returns one.
  absl::Status Fetch(uint32_t domain_number, const std::vector<ObjectId>& ids,
                     const std::function<absl::Status(FetchedObject)>& take);

  // Serialised SealedKeyring; empty if none was stored.
  std::string sealed_keyring() const;
  absl::Status StoreKeyring(ByteView sealed_keyring);

  // Reads every stored object past the cache and compares its id; a wrong one
  // is quarantined. `progress` is called now and then; an error from it stops
  // the scrub.
  absl::StatusOr<std::vector<ScrubProblem>> Scrub(
      const std::function<absl::Status(const ScrubProgress&)>& progress);

  VaultFigures figures() const;

  // Not empty: changes are refused until a restart; says why.
  std::string read_only_reason() const;
  // Finishes all packs, which marks a clean stop. No session may be in use.
  absl::Status Close();

 private:
  Vault(FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
        ObjectIndex& index, std::unique_ptr<VaultJournal> journal,
        const StoreOptions& options);

  FileSystem& fs_;
  const VaultPaths paths_;
  const VaultRegistration registration_;
  ObjectIndex& index_;
  const std::unique_ptr<VaultJournal> journal_;
  const std::unique_ptr<ObjectStore> store_;
  std::atomic<uint64_t> open_sessions_ = 0;
  absl::Status refusal_;
};

}  // namespace nightsafe
