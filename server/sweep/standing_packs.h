// The packs of a vault that stay, and the copies of objects in them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "common/object/object.h"
#include "server/pack/pack_reader.h"
#include "server/sweep/vault_view.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// Where a copy lies that a table of contents or a scan found and that is not
// quarantined. Its bytes were not looked at.
struct StandingCopy {
  uint32_t domain_number = 0;
  ObjectId id;
  ObjectKind kind = ObjectKind::kData;
  uint32_t pack = 0;  // place in the list of packs
  uint32_t length = 0;
  uint64_t offset = 0;
};

class StandingPacks {
 public:
  // Every file named as a pack among the open and the finished ones that is not
  // in `others`. Borrows fs and vault.
  static absl::StatusOr<StandingPacks> Open(
      FileSystem& fs, const VaultPaths& paths, const VaultView& vault,
      const std::map<PackId, std::string>& others);

  // By their tables of contents where the journal bears them out, else by
  // scanning them. A pack that a running server finishes meanwhile is found.
  absl::Status ForEach(
      const std::function<void(const StandingCopy&)>& take) const;
  // Verified. DATA_LOSS, UNAVAILABLE.
  absl::StatusOr<std::string> Read(const StandingCopy& copy);

 private:
  struct Pack {
    PackId id;
    std::string path;
    bool finished = false;
  };
  StandingPacks(FileSystem& fs, const VaultPaths& paths, const VaultView& vault)
      : fs_(&fs), paths_(paths), vault_(&vault) {}
  absl::StatusOr<std::vector<PackEntry>> EntriesOf(const Pack& pack) const;
  absl::StatusOr<PackReader*> ReaderOf(uint32_t place);

  FileSystem* fs_;
  VaultPaths paths_;
  const VaultView* vault_;
  std::vector<Pack> packs_;
  std::map<uint32_t, std::unique_ptr<PackReader>> readers_;  // some, by place
};

}  // namespace nightsafe
