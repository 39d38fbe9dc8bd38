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
#include "server/vault/scrub_cursor.h"
#include "server/vault/vault_journal.h"
#include "server/vault/vault_paths.h"
#include "server/vault/verdict.h"

namespace nightsafe {

struct ScrubProblem {
  uint32_t domain_number = 0;
  ObjectId id;       // zero: of a pack, or of its end
  std::string pack;  // file name
  uint64_t offset = 0;
  uint64_t objects = 1;  // concerned
  Verdict verdict = Verdict::kUnreadable;
  std::string detail;
};

inline constexpr size_t kMaxScrubProblems = 100'000;

struct ScrubResult {
  // At most kMaxScrubProblems: what is newly found, and what was found before
  // and has no good copy yet.
  std::vector<ScrubProblem> problems;
  uint64_t more_problems = 0;
  ScrubCursor figures;
};

struct ScrubProgress {
  uint64_t objects = 0;  // so far, before an interruption too
  uint64_t bytes = 0;
  uint64_t total_bytes = 0;
  const ScrubCursor* cursor = nullptr;  // to go on from here
};
// Called after each few megabytes; an error from it stops the scrub.
using ScrubCallback = std::function<absl::Status(const ScrubProgress&)>;

struct ScrubbedVault {
  FileSystem& fs;
  const VaultPaths& paths;
  const VaultId& vault;
  ObjectIndex& index;
  VaultJournal& journal;
  ObjectStore& store;
};

// Unfinished packs up to their durable length, then finished ones in the order
// in which they were finished; each past the cache, without a key. Then every
// index entry must be where it says. Wrong copies are quarantined; quarantined
// ones that are right again are put to use; manifests without a good copy are
// stored again from their commit records. Goes on from `cursor`, if it says
// that a scrub was begun. Packs that are finished meanwhile are left for the
// next scrub.
absl::StatusOr<ScrubResult> ScrubVault(const ScrubbedVault& what,
                                       const ScrubCursor& cursor,
                                       const ScrubCallback& progress);

}  // namespace nightsafe
