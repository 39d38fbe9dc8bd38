// A vault with hosts that hold deposit keys, and real objects to deposit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/crypto/keyring.h"
#include "common/crypto/random.h"
#include "common/object/sealer.h"
#include "common/snapshot/manifest.h"
#include "server/catalog/registry.h"

namespace nightsafe {

// Stands still until told otherwise. Thread-safe.
class TestClock final : public Clock {
 public:
  absl::Time Now() const override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Set(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    now_ = now;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) =
      absl::FromUnixSeconds(1'700'000'000);
};

// Some data objects below two levels of nodes.
struct TestTree {
  ObjectRef root;
  std::vector<SealedObject> objects;  // children before parents
};

// One host of a TestVault and the chain of its snapshots of one set.
class TestHost {
 public:
  TestHost(HostRegistration registration, DepositKey key,
           absl::string_view set);

  const HostRegistration& registration() const { return registration_; }
  const DepositKey& key() const { return key_; }
  const std::string& set() const { return set_; }

  // `data` objects of `bytes` pseudo-random bytes each; the same for the same
  // seed.
  TestTree MakeTree(size_t data, size_t bytes, uint64_t seed) const;
  // A manifest that continues the chain (without moving its head).
  std::string MakeManifest(const ObjectRef& root, const SessionId& session,
                           absl::string_view keyed_name = "",
                           absl::string_view content = "") const;
  void Advance(const SnapshotId& head);
  v1::format::ManifestClear NextClear(const SessionId& session) const;

 private:
  HostRegistration registration_;
  DepositKey key_;
  std::string set_;
  std::unique_ptr<DomainKeys> domain_keys_;
  SnapshotId head_;
  uint64_t counter_ = 0;
};

class TestVault {
 public:
  explicit TestVault(absl::string_view name = "home");

  const VaultRegistration& registration() const { return registration_; }
  const Keyring& keyring() const { return keyring_; }
  TestHost MakeHost(absl::string_view name, uint32_t number,
                    absl::string_view set = "files") const;

 private:
  Keyring keyring_;
  VaultRegistration registration_;
};

}  // namespace nightsafe
