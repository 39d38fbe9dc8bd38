// The data directory of a server: made, opened by one process at a time, and
// opened for reading only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/journal/journal_reader.h"
#include "server/store/object_index.h"
#include "server/vault/startup_report.h"
#include "server/vault/vault.h"

namespace nightsafe {

inline constexpr int kDataVersion = 1;

struct DataOptions : StoreOptions {
  IndexEnvFactory index_env;
};

// Thread-safe.
class DataDirectory {
 public:
  // Makes LOCK, VERSION, server/journal, vaults/, index/ under `path`, which
  // must be new or empty. Durable when OK.
  static absl::Status Init(FileSystem& fs, absl::string_view path,
                           const ServerId& server,
                           const VerifyKey& first_admin_key,
                           const Clock& clock);

  // FAILED_PRECONDITION: another process holds it, or another version (says
  // which and what to do). Recovers after an unclean stop before it returns.
  // Without room for that it can be read only: read_only_reason() says so, and
  // the objects' locations are held in memory.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      const DataOptions& options, StartupReport& report);

  // Writes nothing below `path` and needs no index/: reads journals and packs.
  // May be used while no server runs.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> OpenForRescue(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      StartupReport& report);

  // Makes index/ anew from packs and journals, and returns the objects in it.
  // Packs that were removed and lie among the finished ones are used again.
  // Takes the lock. `progress` gets the objects of the present vault so far;
  // `report`, if any, what was found on the way, also
  // before an error.
  static absl::StatusOr<uint64_t> Rebuild(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      const std::function<void(uint64_t)>& progress,
      StartupReport* report = nullptr, const DataOptions& options = {});

  // Leaves an unclean stop behind unless Close was called.
  ~DataDirectory();

  Registry& registry() { return *registry_; }
  // Registers and creates the vault's journal and directories.
  // ALREADY_EXISTS. An interrupted call can be repeated with the same
  // registration.
  absl::Status AddVault(const VaultRegistration& vault,
                        ByteView sealed_keyring);
  // Carries out an order, durably: in the journal of the vault that it concerns
  // (Vault::Obey) or in the server's (Registry::Submit). A new admin key goes
  // to every vault as well.
  absl::Status Obey(const v1::format::SignedOrder& order,
                    absl::string_view sealed_keyring = "");
  // NOT_FOUND. The pointer lives as long as the directory.
  absl::StatusOr<Vault*> FindVault(absl::string_view name);
  std::vector<Vault*> Vaults();

  // The records of a vault's journal, or of the server's if `vault` is empty,
  // from the disk, the chain checked. NOT_FOUND; else as ReadJournal.
  absl::StatusOr<JournalContents> ReadJournalOf(
      const std::string& vault, const JournalRecordCallback& take);

  // Not empty: changes are refused since a journal or the index failed; says
  // why.
  std::string read_only_reason() const;
  // Seals packs and marks a clean stop. No session may be in use.
  absl::Status Close();

 private:
  DataDirectory(FileSystem& fs, absl::string_view path, const Clock& clock,
                const DataOptions& options, bool read_only);
  static absl::StatusOr<std::unique_ptr<DataDirectory>> OpenWith(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      const DataOptions& options, StartupReport& report,
      const IndexProgress& progress);
  static absl::StatusOr<std::unique_ptr<DataDirectory>> OpenFull(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      const DataOptions& options, StartupReport& report,
      const absl::Status& reason);
  void CopyAdminKeys(Vault& vault, StartupReport& report);
  absl::Status OpenVaults(StartupReport& report, const IndexProgress& progress);
  absl::Status OpenVault(const VaultRegistration& registration,
                         StartupReport& report, const IndexProgress& progress);

  FileSystem& fs_;
  const std::string path_;
  const Clock& clock_;
  const DataOptions options_;
  const bool read_only_;
  std::string full_reason_;  // why it is read-only for want of room
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ObjectIndex> index_;
  // One AddVault at a time; held during its I/O.
  absl::Mutex adding_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Vault>> vaults_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
