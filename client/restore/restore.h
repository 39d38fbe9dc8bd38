// A snapshot, or a part of it, into a directory.
#pragma once

#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "client/restore/object_source.h"
#include "client/restore/restore_report.h"
#include "client/restore/target_root.h"
#include "client/restore/tree_writer.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {

struct RestoreOptions {
  // Absolute path of the entry to restore with all below it; empty: everything.
  std::string path;
  WriterOptions writer;
};

// Called on the caller's thread after each window of entries.
using OnRestoreProgress = std::function<void(const RestoreReport&)>;

// Makes every entry at `target`/<its full path>, ancestors included. Entries
// that cannot be restored are named in `report` and passed over; a whole
// snapshot whose totals are not those its host signed is reported as damaged.
// An error ends the restore half-way: the connection, a full target, a path
// that is not in the snapshot. What was restored until then is whole.
absl::Status RestoreSnapshot(const ObjectSource& objects,
                             const OpenedManifest& snapshot,
                             const TargetRoot& target,
                             const RestoreOptions& options,
                             RestoreReport& report,
                             const OnRestoreProgress& on_progress);

// What earlier verifications found out, so that the snapshots of a host are
// verified with each object fetched once.
struct VerifiedObjects {
  absl::flat_hash_set<ObjectId> seen;
  absl::flat_hash_map<ObjectId, absl::Status> bad;  // a part of them
};

struct VerifyOptions {
  std::string path;
  // Only the tree: names, metadata, where contents are. Contents are not
  // fetched.
  bool structure_only = false;
};

// Fetches and opens each object of the snapshot that is not among
// `objects_seen` once, and compares its totals. Damage is named in `report`.
absl::Status VerifySnapshot(const ObjectSource& objects,
                            const OpenedManifest& snapshot,
                            const VerifyOptions& options,
                            VerifiedObjects& objects_seen,
                            RestoreReport& report,
                            const OnRestoreProgress& on_progress);

}  // namespace nightsafe
