// A real server in this process, a host on a simulated disk, and the rules that
// hold for what the two know of each other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/agent/backup.h"
#include "server/vault/vault.h"
#include "tests/crash/agent/source_tree.h"
#include "tests/support/cut_link.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"

namespace nightsafe {

inline constexpr char kAgentDirectory[] = "/agent";

// What was met, over all episodes.
struct AgentFigures {
  uint64_t states = 0;          // disks that a run was begun on
  uint64_t drawn = 0;           // further disks, looked at without a run
  uint64_t by_kill = 0;         // of the states
  uint64_t lost_something = 0;  // power cuts that lost a change
  uint64_t before_commit = 0;   // where the crash came: nothing pending yet,
  uint64_t in_commit = 0;       // the answer outstanding,
  uint64_t after_commit = 0;    // answered
  uint64_t answer_lost = 0;  // the snapshot was made, the agent knows nothing
  uint64_t resolved = 0;     // pending commits that the next run made
  uint64_t snapshots = 0;    // read back whole and compared
  uint64_t index_whole = 0;  // of the disks with an index
  uint64_t index_gone = 0;
};

// One host; every episode has a set and a source of its own. Violations end up
// in `violations`, in words.
class AgentWorld {
 public:
  AgentWorld();

  TemporaryDirectory& directory() { return directory_; }
  CutLink& link() { return link_; }
  AgentFigures& figures() { return figures_; }
  std::vector<std::string>& violations() { return violations_; }

  // In the order of their commits.
  std::vector<SnapshotInfo> Snapshots(const std::string& set);
  Picture Read(const SnapshotInfo& snapshot, const std::string& below);
  BackupOptions OptionsFor(const std::string& set, const std::string& root);
  const DepositKey& key() const { return host_.deposit_key; }
  void Violated(const std::string& what) { violations_.push_back(what); }

 private:
  TemporaryDirectory directory_;
  TestServer server_;
  HostCredential host_;
  Vault* vault_;
  CutLink link_;
  AgentFigures figures_;
  std::vector<std::string> violations_;
};

// What every disk must hold to, whenever it was left: `listed` is what the
// server has of the set. `must_know`: its last commit was acknowledged to the
// user. `killed`: nothing that was written is gone, now or before.
void CheckDisk(SimDisk& disk, const std::string& set,
               const std::vector<SnapshotInfo>& listed, bool must_know,
               bool killed, const DepositKey& key, AgentWorld& world);

// Chain counters without a gap, each naming the one before; no fork, no
// restart, no session twice.
void CheckChain(const std::vector<SnapshotInfo>& listed, AgentWorld& world);

}  // namespace nightsafe
