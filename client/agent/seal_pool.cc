#include "client/agent/seal_pool.h"

#include <utility>

#include "common/base/status.h"

namespace nightsafe {
namespace {

// Plaintexts that wait for a thread; room for two chunks of the largest size.
constexpr uint64_t kMaxWaitingBytes = 8 << 20;

}  // namespace

SealPool::SealPool(const DomainKeys& keys, int compression_level, int threads,
                   Sink sink)
    : sink_(std::move(sink)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back(
        [this, &keys, compression_level] { Work(keys, compression_level); });
  }
}

SealPool::~SealPool() {
  Cancel();
  for (std::thread& thread : threads_) thread.join();
}

absl::Status SealPool::Submit(std::shared_ptr<SealJob> job) {
  absl::MutexLock lock(&mutex_);
  const uint64_t bytes = job->plain.size();
  while (status_.ok() && !queue_.empty() &&
         waiting_bytes_ + bytes > kMaxWaitingBytes) {
    changed_.Wait(&mutex_);
  }
  NS_RETURN_IF_ERROR(status_);
  waiting_bytes_ += bytes;
  queue_.push_back(std::move(job));
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::StatusOr<ObjectRef> SealPool::Await(const SealJob& job) {
  if (job.done.load(std::memory_order_acquire)) return job.ref;
  absl::MutexLock lock(&mutex_);
  while (status_.ok() && !job.done.load(std::memory_order_acquire)) {
    changed_.Wait(&mutex_);
  }
  if (job.done.load(std::memory_order_acquire)) return job.ref;
  return status_;
}

absl::Status SealPool::Drain() {
  absl::MutexLock lock(&mutex_);
  while (status_.ok() && (!queue_.empty() || working_ != 0)) {
    changed_.Wait(&mutex_);
  }
  return status_;
}

void SealPool::Cancel() {
  absl::MutexLock lock(&mutex_);
  if (status_.ok()) status_ = absl::CancelledError("the backup was ended");
  closed_ = true;
  changed_.SignalAll();
}

void SealPool::Work(const DomainKeys& keys, int compression_level) {
  Sealer sealer(keys, compression_level);
  for (;;) {
    std::shared_ptr<SealJob> job;
    {
      absl::MutexLock lock(&mutex_);
      while (!closed_ && queue_.empty()) changed_.Wait(&mutex_);
      if (closed_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      waiting_bytes_ -= job->plain.size();
      ++working_;
      changed_.SignalAll();
    }
    const absl::Status sealed = SealOne(sealer, *job);
    absl::MutexLock lock(&mutex_);
    --working_;
    if (status_.ok()) status_ = sealed;
    changed_.SignalAll();
  }
}

absl::Status SealPool::SealOne(Sealer& sealer, SealJob& job) {
  NS_ASSIGN_OR_RETURN(SealedObject object,
                      sealer.Seal(ObjectKind::kData, {}, AsBytes(job.plain)));
  std::string().swap(job.plain);
  job.ref = object.ref;
  {
    absl::MutexLock lock(&mutex_);
    job.done.store(true, std::memory_order_release);
    changed_.SignalAll();
  }
  return sink_(std::move(object));
}

}  // namespace nightsafe
