// Random interleavings of deposits, commits, expiry, purges, collections,
// crashes, restarts and quarantine, on the real vault and a simulated disk.
//
// I1 whatever a snapshot that is not purged reaches is there, and not
// condemned. I2 what a session was told is present, or put, stays so until it
// ends. I3 nothing that is needed lies in a removed pack (a sweeper unlinks
// those). I4 all of it after kills and power cuts between any two steps.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/crypto/signature.h"
#include "server/vault/collection.h"
#include "tests/crash/simulation/agent.h"
#include "tests/crash/simulation/sim_server.h"

namespace nightsafe {

struct CollectionModelOptions {
  uint64_t seed = 1;
  uint64_t steps = 2500;
  CollectionDefect defect = CollectionDefect::kNone;
};

struct CollectionFigures {
  uint64_t steps = 0;
  uint64_t commits = 0;
  uint64_t incomplete = 0;  // answers
  uint64_t expired = 0;     // snapshots
  uint64_t undeleted = 0;
  uint64_t purged = 0;
  uint64_t collections = 0;  // that ended
  uint64_t aborted = 0;      // by a new generation
  uint64_t overflown = 0;    // refused: a session touched too much
  uint64_t condemned = 0;    // objects
  uint64_t removed = 0;      // packs
  uint64_t restarts = 0;
  uint64_t crashes = 0;
  uint64_t quarantined = 0;  // objects
  uint64_t within = 0;       // steps inside of commits
};

class CollectionModel {
 public:
  CollectionModel(const CollectionModelOptions& options,
                  CollectionFigures& figures);
  ~CollectionModel();

  // Not OK: an invariant does not hold.
  absl::Status Run();

 private:
  struct Writer {
    HostRegistration host;
    std::string set;
    std::shared_ptr<const DepositKey> key;
    std::vector<Forest::Tree> trees;
    SnapshotId head;
    uint64_t counter = 0;
  };
  struct Session {
    size_t writer = 0;
    AttemptPtr attempt;
    std::unique_ptr<DepositSession> deposit;  // null: its stream is gone
    std::vector<SharedObject> todo;
    bool asked = false;
    bool in_use = false;
    int rounds = 0;
    std::set<ObjectId> relied;
  };
  struct Snapshot {
    AttemptPtr attempt;
    bool expired = false;
  };

  absl::Status SetUp();
  absl::Status SetPolicy();
  absl::Status AddWriters();
  absl::Status StepOnce();
  // What is done inside of another session's commit.
  void Between();
  absl::Status OpenSession();
  absl::Status UseSession();
  absl::Status DropSession();
  absl::Status Ask(Session& session);
  absl::Status PutOne(Session& session);
  absl::Status Commit(Session& session);
  AttemptPtr MakeAttempt(const Writer& writer);
  absl::Status Give(v1::format::Order order);
  absl::Status ExpireSome();
  absl::Status UndeleteSome();
  absl::Status Purge();
  absl::Status Collect();
  absl::Status Spoil();
  absl::Status Sweep();
  absl::Status Restart();
  absl::Status CheckAll();
  bool IsNeeded(uint32_t domain, const ObjectId& id) const;
  Session* Pick();
  void RemoveDone();

  const CollectionModelOptions options_;
  CollectionFigures& figures_;
  std::mt19937_64 random_;
  StoreOptions store_options_;
  std::unique_ptr<SigningKey> admin_;
  std::unique_ptr<TestVault> keys_;
  std::vector<Writer> writers_;
  std::unique_ptr<SimServer> server_;
  Vault* vault_ = nullptr;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::unique_ptr<Collection> collection_;
  std::map<SnapshotId, Snapshot> snapshots_;  // not purged
  int depth_ = 0;
  bool spoilt_ = false;
  bool collecting_ = false;  // a step is under way
  absl::Status violation_;   // inside of a commit
  std::string trace_;
};

}  // namespace nightsafe
