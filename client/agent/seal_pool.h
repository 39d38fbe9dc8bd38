// Seals data objects on threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/crypto/domain_keys.h"
#include "common/object/sealer.h"

namespace nightsafe {

// A data object on its way: its plaintext until it is sealed, then what its
// extents need. `plain` belongs to the maker until it is submitted.
struct SealJob {
  std::string plain;
  std::atomic<bool> done = false;
  ObjectRef ref;  // once done
};

// Thread-safe. The first error, of sealing or of the sink, is final: later
// calls return it, and what waits gets it.
class SealPool {
 public:
  using Sink = std::function<absl::Status(SealedObject)>;

  // `sink` is called on the pool's threads, about in the order of submission.
  // Borrows `keys`.
  SealPool(const DomainKeys& keys, int compression_level, int threads,
           Sink sink);
  // Cancels what was not drained.
  ~SealPool();

  // Blocks while too many bytes wait.
  absl::Status Submit(std::shared_ptr<SealJob> job);
  // The job's reference; blocks until it is sealed.
  absl::StatusOr<ObjectRef> Await(const SealJob& job);
  // Waits until all that was submitted went to the sink.
  absl::Status Drain();
  void Cancel();

 private:
  void Work(const DomainKeys& keys, int compression_level);
  absl::Status SealOne(Sealer& sealer, SealJob& job);

  const Sink sink_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<std::shared_ptr<SealJob>> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int working_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace nightsafe
