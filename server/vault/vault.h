// One vault of the server: its packs, journal, object index entries and
// catalogue of snapshots, and the commit that joins them. DESIGN.md in
// server/store has the argument why nothing acknowledged is lost.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "server/catalog/registry.h"

namespace nightsafe {

// A committed snapshot as the catalogue has it.
struct SnapshotInfo {
  SnapshotId id;
  uint64_t sequence = 0;
  absl::Time received;
  std::string host;
  std::string set;
  uint32_t domain_number = 0;
  uint64_t new_bytes = 0;
  uint64_t new_objects = 0;
  std::string manifest;  // the manifest object, whole
  // The chain does not continue where this host and set stood: a cloned or
  // rolled-back machine.
  bool forked = false;
  bool restarted = false;
};

struct SnapshotFilter {
  std::string host;  // empty: all
  std::string set;   // empty: all
};

struct Committed {
  SnapshotId snapshot;
  absl::Time received;
  uint64_t sequence = 0;
};
struct SameContent {
  SnapshotId snapshot;
  bool domain_epoch_changed = false;
};
struct ConflictingContent {
  SnapshotId snapshot;
};
struct Incomplete {
  std::vector<ObjectId> missing;  // at most kMaxMissingIds
  bool more = false;
};
using CommitOutcome =
    std::variant<Committed, SameContent, ConflictingContent, Incomplete>;

// What one host deposits in one attempt. Used by one stream at a time.
class DepositSession {
 public:
  virtual ~DepositSession() = default;

  // A bit for each id (least significant first): 1 if it must be put.
  // INVALID_ARGUMENT unless `ids` is 1 to kMaxOfferIds ids.
  virtual absl::StatusOr<std::string> Wanted(ByteView ids) = 0;

  // Verifies and stores one object; a present one is ignored. `expected` kinds
  // are data and node. INVALID_ARGUMENT: not an object. RESOURCE_EXHAUSTED: the
  // disk's reserve is reached. OK means received, not durable. UNAVAILABLE: a
  // pack failed; begin a new stream.
  virtual absl::Status Put(ByteView object) = 0;

  // Starts again from what is stored if the pack of earlier puts died: those
  // are answered as missing. Idempotent by (host, session) with the same
  // manifest. After OK with Committed the snapshot survives a power cut.
  virtual absl::StatusOr<CommitOutcome> Commit(ByteView manifest) = 0;

  virtual uint64_t stored_bytes() const = 0;
  virtual uint64_t stored_objects() const = 0;
};

// Answer to one id of a fetch, in the order the server found best.
struct FetchedObject {
  ObjectId id;
  // OK with bytes; NOT_FOUND: absent; UNAVAILABLE: cannot be read now;
  // DATA_LOSS: what is stored is not this object.
  absl::Status status;
  std::string bytes;
};

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

struct VaultFigures {
  uint64_t snapshots = 0;
  uint64_t stored_bytes = 0;
  uint64_t stored_objects = 0;
  uint64_t open_sessions = 0;
  uint64_t generation = 0;
};

// Thread-safe.
class Vault {
 public:
  virtual ~Vault() = default;

  virtual const VaultRegistration& registration() const = 0;

  virtual absl::StatusOr<std::unique_ptr<DepositSession>> OpenSession(
      const HostRegistration& host, absl::string_view set,
      const SessionId& session) = 0;

  virtual std::vector<SnapshotInfo> Snapshots(
      const SnapshotFilter& filter) const = 0;

  // Reads and verifies each object; calls `take` once for each id. Stops with
  // its error if `take` returns one.
  virtual absl::Status Fetch(
      uint32_t domain_number, const std::vector<ObjectId>& ids,
      const std::function<absl::Status(FetchedObject)>& take) = 0;

  // Serialised SealedKeyring; empty if none was stored.
  virtual std::string sealed_keyring() const = 0;
  virtual absl::Status StoreKeyring(ByteView sealed_keyring) = 0;

  // Reads every stored object past the cache and compares its id. `progress` is
  // called now and then; an error from it stops the scrub.
  virtual absl::StatusOr<std::vector<ScrubProblem>> Scrub(
      const std::function<absl::Status(const ScrubProgress&)>& progress) = 0;

  virtual VaultFigures figures() const = 0;
};

}  // namespace nightsafe
