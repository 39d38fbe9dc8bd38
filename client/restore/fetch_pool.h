// Threads that fetch and open data objects.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/restore/object_source.h"

namespace nightsafe {

// An object on its way. The other fields may be read once `done` is notified.
struct PendingObject {
  explicit PendingObject(const ObjectRef& object) : ref(object) {}

  const ObjectRef ref;
  absl::Notification done;
  absl::Status request;  // not OK: the request failed, nothing is known
  absl::StatusOr<std::shared_ptr<const std::string>> plain;
};

// Thread-safe. Borrows `objects`.
class FetchPool {
 public:
  FetchPool(const ObjectSource& objects, size_t threads);
  // Waits for requests that were begun, but not for their next try; those not
  // begun are answered with CANCELLED.
  ~FetchPool();

  // Fetches the batch (unique ids) with one request, some time.
  void Submit(std::vector<std::shared_ptr<PendingObject>> batch);

 private:
  using Batch = std::vector<std::shared_ptr<PendingObject>>;
  void Run();
  void Fetch(const Batch& batch) const;

  const ObjectSource& objects_;
  absl::Notification stop_;
  absl::Mutex mutex_;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace nightsafe
