// What one host deposits in one attempt: offers, puts, a commit.
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
#include "common/snapshot/manifest.h"
#include "server/catalog/registry.h"
#include "server/vault/change_measure.h"
#include "server/vault/closure.h"
#include "server/vault/object_store.h"
#include "server/vault/session_table.h"
#include "server/vault/vault_journal.h"

namespace nightsafe {

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

// One stream's use of a session; used by one stream at a time. Made by
// Vault::OpenSession, whose vault it must not outlive.
class DepositSession {
 public:
  // `state` is that of `session` in `sessions`.
  DepositSession(ObjectStore& store, VaultJournal& journal,
                 SessionTable& sessions, std::shared_ptr<SessionState> state,
                 const VaultRegistration& vault, const HostRegistration& host,
                 absl::string_view set, const SessionId& session,
                 std::function<void()> closed);
  DepositSession(const DepositSession&) = delete;
  DepositSession& operator=(const DepositSession&) = delete;
  ~DepositSession();

  // A bit for each id (least significant first): 1 if it must be put.
  // INVALID_ARGUMENT unless `ids` is 1 to kMaxOfferIds ids.
  absl::StatusOr<std::string> Wanted(ByteView ids);

  // Verifies and stores one object; a present one is ignored. `expected` kinds
  // are data and node. INVALID_ARGUMENT: not an object. RESOURCE_EXHAUSTED: the
  // disk's reserve is reached. OK means received, not durable. UNAVAILABLE: a
  // pack failed; begin a new stream.
  absl::Status Put(ByteView object);

  // Starts again from what is stored if the pack of earlier puts died: those
  // are answered as missing. Idempotent by (host, session) with the same
  // manifest. After OK with Committed the snapshot survives a power cut.
  // INVALID_ARGUMENT: not a manifest, or not of this session.
  // PERMISSION_DENIED: not of this host and set. FAILED_PRECONDITION: the set
  // is keyed and the manifest is not, or the reverse; this session committed
  // another manifest; or the vault is read-only. After any other error nobody
  // knows whether it was committed: ask again.
  absl::StatusOr<CommitOutcome> Commit(ByteView manifest);

  // This session made its snapshot, now or earlier.
  bool committed() const;

  // By all streams of the session.
  uint64_t stored_bytes() const { return state_->stored_bytes; }
  uint64_t stored_objects() const { return state_->stored_objects; }

 private:
  absl::StatusOr<Manifest> CheckManifest(ByteView object) const;
  // What the state answers without looking at objects; nothing: go on.
  absl::StatusOr<std::optional<CommitOutcome>> Answer(
      const VaultState& state, const Manifest& manifest) const;
  // ABORTED: the generation changed: begin again.
  absl::StatusOr<CommitOutcome> TryCommit(const Manifest& manifest);
  absl::Status StoreManifest(const Manifest& manifest);
  ChangeMeasure MeasureAgainstPrevious(const Manifest& manifest,
                                       const ReachedObjects& reached);
  absl::StatusOr<CommitOutcome> AppendCommit(const Manifest& manifest,
                                             const ChangeMeasure& measure,
                                             uint64_t generation);
  v1::format::VaultRecord CommitRecord(const Manifest& manifest,
                                       const ChangeMeasure& measure,
                                       uint64_t sequence, int64_t now_ns) const;
  // For tests that do something else meanwhile.
  void BetweenSteps() const;

  ObjectStore& store_;
  VaultJournal& journal_;
  SessionTable& sessions_;
  const std::shared_ptr<SessionState> state_;
  const VaultRegistration& vault_;
  const HostRegistration host_;
  const std::string set_;
  const SessionId session_;
  const std::function<void()> closed_;
};

}  // namespace nightsafe
