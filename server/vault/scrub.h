// Reads everything a vault stores and says what is not as it should be.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "server/store/object_index.h"
#include "server/vault/object_store.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

struct ScrubProblem {
  uint32_t domain_number = 0;
  ObjectId id;
  std::string pack;  // file name
  uint64_t offset = 0;
  bool wrong = false;  // else unreadable now
  std::string detail;
};
struct ScrubProgress {
  uint64_t objects = 0;  // so far
  uint64_t bytes = 0;
  uint64_t total_bytes = 0;
};
using ScrubCallback = std::function<absl::Status(const ScrubProgress&)>;

struct ScrubbedVault {
  FileSystem& fs;
  const VaultPaths& paths;
  const VaultId& vault;
  ObjectIndex& index;
  VaultJournal& journal;
  ObjectStore& store;
};

// Pack by pack, in order of offset, past the cache, without a key; then every
// index entry must be where it says. Wrong copies are quarantined. Packs that
// are made meanwhile are left for the next time.
absl::StatusOr<std::vector<ScrubProblem>> ScrubVault(
    const ScrubbedVault& what, const ScrubCallback& progress);

}  // namespace nightsafe
