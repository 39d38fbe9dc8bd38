#include "client/restore/fetch_pool.h"

#include <utility>

namespace nightsafe {
namespace {

void Fail(const std::vector<std::shared_ptr<PendingObject>>& batch,
          const absl::Status& status) {
  for (const std::shared_ptr<PendingObject>& object : batch) {
    object->request = status;
    object->done.Notify();
  }
}

}  // namespace

FetchPool::FetchPool(const ObjectSource& objects, size_t threads)
    : objects_(objects) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

FetchPool::~FetchPool() {
  stop_.Notify();
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  for (const Batch& batch : batches_) {
    Fail(batch, absl::CancelledError("the restore ended"));
  }
}

void FetchPool::Submit(Batch batch) {
  absl::MutexLock lock(&mutex_);
  batches_.push_back(std::move(batch));
}

void FetchPool::Run() {
  for (;;) {
    Batch batch;
    {
      absl::MutexLock lock(&mutex_);
      auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return stopped_ || !batches_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      if (stopped_) return;
      batch = std::move(batches_.front());
      batches_.pop_front();
    }
    Fetch(batch);
  }
}

void FetchPool::Fetch(const Batch& batch) const {
  std::vector<ObjectRef> refs;
  for (const std::shared_ptr<PendingObject>& object : batch) {
    refs.push_back(object->ref);
  }
  auto fetched = objects_.Fetch(ObjectKind::kData, refs, &stop_);
  if (!fetched.ok()) return Fail(batch, fetched.status());
  for (size_t i = 0; i < batch.size(); ++i) {
    absl::StatusOr<OpenedObject>& opened = (*fetched)[i];
    if (opened.ok()) {
      batch[i]->plain =
          std::make_shared<const std::string>(std::move(opened->plain));
    } else {
      batch[i]->plain = opened.status();
    }
    batch[i]->done.Notify();
  }
}

}  // namespace nightsafe
