// The snapshots of a vault as the server lists them, each checked against the
// vault's read key and against the chain its host signed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/restore/snapshot_name.h"
#include "client/rpc/retrieve_client.h"
#include "common/crypto/keyring.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {

struct Snapshot {
  Manifest manifest;
  uint64_t sequence = 0;
  absl::Time received;  // by the server's clock
  uint32_t domain_number = 0;
  uint64_t new_bytes = 0;
  SnapshotLife life = SnapshotLife::kLive;  // says the server
  absl::Time expired_at;                    // unless it is live
  // OK: signed by a host of this vault, and opened. Without a read key
  // UNAUTHENTICATED: nothing could be checked.
  absl::Status genuine;
  std::optional<OpenedManifest> opened;  // if genuine
  // What a person should know, in words: gaps, forks, a restarted chain.
  std::vector<std::string> warnings;
};

// Immutable once made.
class Catalog {
 public:
  // `key` may be null: then nothing is verified or opened. Manifests that do
  // not parse are counted, not kept.
  static Catalog Create(std::vector<RemoteSnapshot> listed, const ReadKey* key);

  // In the order the server received them, also those that are expired or
  // purged.
  const std::vector<Snapshot>& snapshots() const { return snapshots_; }
  size_t malformed() const { return malformed_; }

  // The snapshot `name` stands for. NOT_FOUND names what there is instead;
  // INVALID_ARGUMENT: the host has several sets, or the id several snapshots
  // (all listed); PERMISSION_DENIED or DATA_LOSS: it is not genuine. @latest
  // and @DATE pass over snapshots that are not genuine or not live; an id names
  // an expired one too.
  absl::StatusOr<const Snapshot*> Resolve(const SnapshotName& name) const;

 private:
  absl::StatusOr<std::string> ResolveSet(const SnapshotName& name) const;
  absl::StatusOr<const Snapshot*> ResolveId(const SnapshotName& name) const;

  std::vector<Snapshot> snapshots_;
  size_t malformed_ = 0;
};

// "1a2b3c4d5e6f": enough to name a snapshot.
std::string ShortId(const SnapshotId& id);

}  // namespace nightsafe
