// What a host does in a simulation: trees that change from one snapshot to the
// next, manifests in a chain, and the memory of a commit without an answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/crypto/keyring.h"
#include "common/object/sealer.h"
#include "server/catalog/registry.h"

namespace nightsafe {

using SharedObject = std::shared_ptr<const SealedObject>;

// The objects of a domain by what is in them; each is sealed once.
class Forest {
 public:
  struct Tree {
    ObjectRef root;
    std::vector<SharedObject> objects;  // children before parents
  };

  explicit Forest(const Secret32& domain_secret);
  // Data objects with these numbers below two levels of nodes.
  Tree Make(const std::vector<uint32_t>& leaves);

 private:
  SharedObject Leaf(uint32_t number);
  SharedObject Node(std::vector<ObjectId> refs);

  const DomainKeys keys_;
  Sealer sealer_;
  std::map<uint32_t, SharedObject> leaves_;
  std::map<std::vector<ObjectId>, SharedObject> nodes_;
};

// A snapshot whose commit was sent.
struct Attempt {
  std::string vault;
  std::string host;
  std::string set;
  uint32_t domain_number = 0;
  SessionId session;
  SnapshotId snapshot;
  std::string manifest;
  std::vector<SharedObject> objects;
};
using AttemptPtr = std::shared_ptr<const Attempt>;

// One set of one host. A copy goes on from the same snapshot.
class Agent {
 public:
  Agent(const HostRegistration& host, absl::string_view set,
        std::shared_ptr<Forest> forest, std::shared_ptr<const DepositKey> key);

  const HostRegistration& host() const { return host_; }
  const std::string& set() const { return set_; }
  const std::shared_ptr<Forest>& forest() const { return forest_; }
  const std::shared_ptr<const DepositKey>& key() const { return key_; }

  // The next snapshot: some objects of the last one are others.
  AttemptPtr Next(std::mt19937_64& random);
  // Its commit is being sent; it counts until an answer came.
  void Sent(const AttemptPtr& attempt) { pending_ = attempt; }
  // The one that was sent and not answered, if any: it is sent again first.
  const AttemptPtr& pending() const { return pending_; }
  void Answered(const AttemptPtr& attempt);

 private:
  HostRegistration host_;
  std::string set_;
  std::shared_ptr<Forest> forest_;
  std::shared_ptr<const DepositKey> key_;
  SnapshotId head_;
  uint64_t counter_ = 0;
  std::vector<uint32_t> leaves_;
  AttemptPtr pending_;
};

}  // namespace nightsafe
