#include "client/agent/assembler.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxWaitingEntries = 4096;
constexpr uint64_t kMaxWaitingBytes = 4 << 20;

}  // namespace

Assembler::Assembler(TreeBuilder& builder, IndexWriter& index, SealPool& pool)
    : builder_(builder), index_(index), pool_(pool) {
  thread_ = std::thread([this] { Work(); });
}

Assembler::~Assembler() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status Assembler::Push(AssembledEntry entry) {
  absl::MutexLock lock(&mutex_);
  while (status_.ok() && Full()) changed_.Wait(&mutex_);
  NS_RETURN_IF_ERROR(status_);
  ++pushed_.entries;
  pushed_.bytes += entry.entry.size();
  queue_.push_back(std::move(entry));
  changed_.SignalAll();
  return absl::OkStatus();
}

bool Assembler::Full() const {
  const Count& ready = hold_.has_value() ? *hold_ : pushed_;
  return ready.entries > popped_.entries + kMaxWaitingEntries ||
         ready.bytes > popped_.bytes + kMaxWaitingBytes;
}

void Assembler::Hold() {
  absl::MutexLock lock(&mutex_);
  hold_ = pushed_;
}

void Assembler::Release() {
  absl::MutexLock lock(&mutex_);
  hold_.reset();
}

absl::StatusOr<ObjectRef> Assembler::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  NS_RETURN_IF_ERROR(status_);
  return builder_.Finish();
}

void Assembler::Work() {
  while (std::optional<AssembledEntry> entry = Pop()) {
    const absl::Status taken = Take(*entry);
    if (taken.ok()) continue;
    absl::MutexLock lock(&mutex_);
    status_ = taken;
    changed_.SignalAll();
    return;
  }
}

std::optional<AssembledEntry> Assembler::Pop() {
  absl::MutexLock lock(&mutex_);
  while (!closed_ && queue_.empty()) changed_.Wait(&mutex_);
  if (queue_.empty()) return std::nullopt;
  AssembledEntry entry = std::move(queue_.front());
  queue_.pop_front();
  ++popped_.entries;
  popped_.bytes += entry.entry.size();
  changed_.SignalAll();
  return entry;
}

absl::Status Assembler::Take(const AssembledEntry& entry) {
  extents_.clear();
  indexed_.clear();
  if (entry.content != nullptr) {
    for (const PendingExtent& pending : entry.content->extents) {
      IndexedExtent& indexed = indexed_.emplace_back(pending.indexed);
      if (pending.job != nullptr) {
        NS_ASSIGN_OR_RETURN(indexed.extent.object, pool_.Await(*pending.job));
      }
      extents_.push_back(indexed.extent);
    }
  }
  NS_RETURN_IF_ERROR(builder_.Add({*entry.directory, entry.name}, entry.entry,
                                  entry.file_bytes, extents_));
  index_.Add({*entry.directory, entry.name, entry.entry, entry.stamp,
              entry.read_at, entry.link_group},
             indexed_);
  return absl::OkStatus();
}

}  // namespace nightsafe
