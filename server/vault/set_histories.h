// The sets of a vault as plans need them: what each snapshot looked like when
// it came, by what the server measured. Part of RetentionState. No I/O.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/retention/plan.h"
#include "common/retention/suspicion.h"
#include "server/vault/snapshot_info.h"

namespace nightsafe {

// Host and set; the set empty: the host, both empty: the vault.
using SetScope = std::pair<std::string, std::string>;

// Of the vault, the host, the set: from the widest to the set itself.
inline std::array<SetScope, 3> ScopesOf(const std::string& host,
                                        const std::string& set) {
  return {{{"", ""}, {host, ""}, {host, set}}};
}

// Thread-compatible.
class SetHistories {
 public:
  // `place` of the snapshot in the vault's list; `received` by the journal.
  void Add(const SnapshotInfo& info, size_t place, absl::Time received,
           bool keyed);
  // It is purged.
  void Forget(const SnapshotInfo& info, size_t place);
  // As Order.Release.
  void Release(const SetScope& scope, uint64_t sequence);

  // Hosts with a snapshot that is not purged.
  std::vector<std::string> Hosts() const;
  // Policies, locks and holds are for the caller to fill in.
  HostHistory Of(const std::string& host,
                 const std::vector<SnapshotInfo>& snapshots) const;

 private:
  struct Entry {
    size_t place;
    absl::Time received;
    bool extra;
    bool suspicious;
  };
  struct Set {
    SetObserver observer;
    std::vector<Entry> entries;  // by sequence
  };

  std::map<std::string, std::map<std::string, Set>> hosts_;
};

}  // namespace nightsafe
