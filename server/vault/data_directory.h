// The data directory of a server: made, opened by one process at a time, and
// opened for reading only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/vault/vault.h"

namespace nightsafe {

inline constexpr int kDataVersion = 1;

struct DataOptions {
  // Deposits are refused while less than this is free: max of both.
  uint64_t reserve_bytes = uint64_t{2} << 30;
  double reserve_share = 0.03;
  uint64_t data_pack_bytes = 256 << 20;
  uint64_t node_pack_bytes = 64 << 20;
};

// What start-up found; for the log, metrics and `nightsafed serve`'s output.
struct StartupReport {
  bool clean = true;  // the last run stopped cleanly
  uint64_t packs_recovered = 0;
  uint64_t objects_recovered = 0;
  // "pack X is missing, N objects: snapshots ...": for a person.
  std::vector<std::string> losses;
};

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
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      const DataOptions& options, StartupReport& report);

  // Writes nothing below `path` and needs no index/: reads journals and packs.
  // May be used while no server runs.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> OpenForRescue(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      StartupReport& report);

  // Makes index/ anew from packs and journals. Takes the lock. `progress` gets
  // objects indexed so far.
  static absl::StatusOr<uint64_t> Rebuild(
      FileSystem& fs, absl::string_view path, const Clock& clock,
      const std::function<void(uint64_t)>& progress);

  virtual ~DataDirectory() = default;

  virtual Registry& registry() = 0;
  // Registers and creates the vault's journal and directories.
  virtual absl::Status AddVault(const VaultRegistration& vault,
                                ByteView sealed_keyring) = 0;
  // NOT_FOUND. The pointer lives as long as the directory.
  virtual absl::StatusOr<Vault*> FindVault(absl::string_view name) = 0;
  virtual std::vector<Vault*> Vaults() = 0;

  // Not empty: changes are refused since a journal or the index failed; says
  // why.
  virtual std::string read_only_reason() const = 0;
  // Seals packs and marks a clean stop. No session may be in use.
  virtual absl::Status Close() = 0;
};

}  // namespace nightsafe
