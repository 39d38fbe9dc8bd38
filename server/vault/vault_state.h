// What a vault's journal says, replayed into memory: snapshots, chains, keyed
// names, packs, quarantine, generation. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/crypto/blake3.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "nightsafe/v1/format/manifest.pb.h"
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
  // Of the first commit after which the journal names it: what earlier
  // snapshots hold does not lie in this pack.
  uint64_t first_sequence = 0;
};

using PackStates = absl::flat_hash_map<PackId, PackState>;
// Null if the journal does not know the pack.
const PackState* FindPack(const PackStates& states, const PackId& pack);

struct KeyedSnapshot {
  SnapshotId snapshot;
  std::string content_id;
  uint32_t domain_epoch = 0;
};

// Thread-compatible.
class VaultState {
 public:
  // DATA_LOSS: the record makes no sense after those before it.
  absl::Status Apply(const v1::format::VaultRecord& record);

  const v1::format::VaultRecord::VaultInit& init() const { return init_; }
  const std::string& sealed_keyring() const { return sealed_keyring_; }
  // By sequence, from 1.
  const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }
  // Null if that session of that host made no commit.
  const SnapshotInfo* FindSession(const std::string& host,
                                  const SessionId& session) const;
  // Whether the set is keyed; nothing before its first commit.
  std::optional<bool> IsKeyed(const std::string& host,
                              const std::string& set) const;
  // Null if no snapshot has that name.
  const KeyedSnapshot* FindKeyed(const std::string& host,
                                 const std::string& set,
                                 const std::string& name) const;
  const PackStates& packs() const { return packs_; }
  // The copy of that object in that pack must not be used.
  bool IsQuarantined(uint32_t domain_number, const ObjectId& id,
                     const PackId& pack) const;
  bool has_quarantine() const { return !quarantine_.empty(); }
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
  absl::Status ApplyPackSealed(
      const v1::format::VaultRecord::PackSealed& sealed);
  absl::Status ApplyPackEnded(const v1::format::VaultRecord::PackEnded& ended,
                              bool lost);
  absl::Status ApplyQuarantine(const v1::format::VaultRecord::Quarantine& what,
                               bool healed);
  void ApplyChain(const v1::format::ManifestClear& clear, SnapshotInfo& info);
  absl::StatusOr<PackState*> PackOf(const std::string& id);

  v1::format::VaultRecord::VaultInit init_;
  std::string sealed_keyring_;
  std::vector<SnapshotInfo> snapshots_;
  absl::flat_hash_map<std::pair<std::string, SessionId>, size_t> sessions_;
  std::map<std::tuple<std::string, std::string, uint32_t>, Chain> chains_;
  absl::flat_hash_map<SetName, bool> keyed_;
  absl::flat_hash_map<SetName, absl::flat_hash_map<std::string, KeyedSnapshot>>
      keyed_snapshots_;
  PackStates packs_;
  absl::flat_hash_set<std::tuple<uint32_t, ObjectId, PackId>> quarantine_;
  uint64_t packs_sealed_ = 0;
  uint64_t generation_ = 1;
  int64_t last_time_ns_ = 0;
  uint64_t records_ = 0;
};

}  // namespace nightsafe
