// What a vault's journal says, replayed into memory: snapshots, chains, keyed
// names, packs, quarantine, generation, and what became of each snapshot. No
// I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/crypto/blake3.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "nightsafe/v1/format/manifest.pb.h"
#include "server/vault/commit_check.h"
#include "server/vault/retention_state.h"
#include "server/vault/snapshot_info.h"

namespace nightsafe {

// A pack as the journal knows it.
struct PackState {
  // Bytes that were synced when the journal last named the pack.
  uint64_t synced_length = 0;
  bool sealed = false;
  uint32_t objects = 0;  // sealed
  Hash32 toc_hash{};     // sealed
  uint64_t seal_order = 0;
  bool dead = false;  // ended at synced_length
  bool lost = false;  // missing, or shorter than synced_length
  // Nothing needs it any more: the sweeper may have taken it away.
  bool removed = false;
  std::string ended_reason;  // dead or lost
  int64_t ended_ns = 0;      // dead, lost or removed
  // Of the first commit after which the journal names it: what earlier
  // snapshots hold does not lie in this pack.
  uint64_t first_sequence = 0;
};

using PackStates = absl::flat_hash_map<PackId, PackState>;
// Null if the journal does not know the pack.
const PackState* FindPack(const PackStates& states, const PackId& pack);

// A stored copy that was found wrong.
struct QuarantinedCopy {
  PackId pack;
  uint64_t offset = 0;  // 0: every copy in that pack
  bool is_manifest = false;
  bool healed = false;  // a good copy is stored elsewhere
  int64_t since_ns = 0;
  std::string reason;
};
// Whether no good copy is stored yet.
bool HasOpenCopy(const std::vector<QuarantinedCopy>& copies);
using ObjectKeyPair = std::pair<uint32_t, ObjectId>;  // domain number, id
using Quarantine =
    absl::flat_hash_map<ObjectKeyPair, std::vector<QuarantinedCopy>>;

struct KeyedSnapshot {
  SnapshotId snapshot;
  std::string content_id;
  uint32_t domain_epoch = 0;
};

struct LastCollection {
  v1::format::VaultRecord::Collected figures;
  int64_t finished_ns = 0;
};

struct LastScrub {
  v1::format::VaultRecord::Scrubbed figures;
  int64_t finished_ns = 0;
};

// Thread-compatible.
class VaultState {
 public:
  // From the first record on, a commit whose manifest is not signed by a host
  // that `vault_key` certifies is not allowed. Whoever replays a journal that
  // somebody else may have written asks for it, before the first commit.
  void RequireSignedCommits(const VaultId& vault, const VerifyKey& vault_key) {
    signatures_.emplace(vault, vault_key);
  }
  // DATA_LOSS: the record makes no sense after those before it. One that is not
  // allowed (RetentionState) is OK and changes nothing.
  absl::Status Apply(const v1::format::VaultRecord& record);

  const v1::format::VaultRecord::VaultInit& init() const { return init_; }
  const std::string& sealed_keyring() const {
    return retention_.keys().sealed_keyring();
  }
  // By sequence, from 1; with those that are expired or purged.
  const std::vector<SnapshotInfo>& snapshots() const {
    return retention_.snapshots();
  }
  const RetentionState& retention() const { return retention_; }
  // Null if that session of that host made no commit.
  const SnapshotInfo* FindSession(const std::string& host,
                                  const SessionId& session) const;
  // Whether the set is keyed; nothing before its first commit.
  std::optional<bool> IsKeyed(const std::string& host,
                              const std::string& set) const;
  // Null if no live snapshot has that name.
  const KeyedSnapshot* FindKeyed(const std::string& host,
                                 const std::string& set,
                                 const std::string& name) const;
  const PackStates& packs() const { return packs_; }
  // The copy of that object at that place must not be used.
  bool IsQuarantined(uint32_t domain_number, const ObjectId& id,
                     const PackId& pack, uint64_t offset) const;
  bool has_quarantine() const { return !quarantine_.empty(); }
  const Quarantine& quarantine() const { return quarantine_; }
  // Objects that were found wrong and have no good copy yet.
  uint64_t open_findings() const { return open_findings_; }
  // Findings that were closed.
  uint64_t healed() const { return healed_; }
  // Of the last whole one; the record's time is when it ended.
  const std::optional<LastScrub>& last_scrub() const { return last_scrub_; }
  const std::optional<LastCollection>& last_collection() const {
    return last_collection_;
  }
  int64_t created_ns() const { return created_ns_; }
  uint64_t generation() const { return generation_; }
  int64_t last_time_ns() const { return last_time_ns_; }
  uint64_t records() const { return records_; }

 private:
  using SetName = std::pair<std::string, std::string>;  // host, set
  struct Chain {
    SnapshotId head;
    uint64_t counter = 0;
  };

  absl::Status ApplyCommit(const v1::format::VaultRecord::Commit& commit);
  // PERMISSION_DENIED: no host made it.
  absl::Status CheckCommit(const v1::format::VaultRecord::Commit& commit,
                           const Manifest& manifest);
  absl::Status ApplyPackSealed(
      const v1::format::VaultRecord::PackSealed& sealed);
  absl::Status ApplyPackEnded(const v1::format::VaultRecord::PackEnded& ended,
                              int64_t time_ns, bool lost);
  absl::Status ApplyQuarantined(const v1::format::VaultRecord::Quarantine& what,
                                int64_t time_ns);
  absl::Status ApplyHealed(const v1::format::VaultRecord::Quarantine& what);
  void ApplyRetention(const v1::format::VaultRecord& record, bool goes_back);
  absl::Status ApplyPackRemoved(
      const v1::format::VaultRecord::PackRemoved& removed, int64_t time_ns);
  void ApplyChain(const v1::format::ManifestClear& clear, SnapshotInfo& info);
  absl::StatusOr<PackState*> PackOf(const std::string& id);

  v1::format::VaultRecord::VaultInit init_;
  RetentionState retention_;
  std::optional<CommitSignatures> signatures_;
  absl::flat_hash_map<std::pair<std::string, SessionId>, size_t> sessions_;
  std::map<std::tuple<std::string, std::string, uint32_t>, Chain> chains_;
  absl::flat_hash_map<SetName, bool> keyed_;
  absl::flat_hash_map<SetName, absl::flat_hash_map<std::string, KeyedSnapshot>>
      keyed_snapshots_;
  PackStates packs_;
  Quarantine quarantine_;
  uint64_t open_findings_ = 0;
  uint64_t healed_ = 0;
  std::optional<LastScrub> last_scrub_;
  std::optional<LastCollection> last_collection_;
  int64_t created_ns_ = 0;
  uint64_t packs_sealed_ = 0;
  uint64_t generation_ = 1;
  int64_t last_time_ns_ = 0;
  uint64_t records_ = 0;
};

}  // namespace nightsafe
