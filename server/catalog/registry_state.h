// What a Registry holds, and how it changes; for the registry's own sources.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "server/catalog/principals.h"
#include "server/catalog/registry.h"
#include "server/journal/journal_writer.h"

namespace nightsafe {

inline v1::format::ServerRecord RecordNow(const Clock& clock) {
  v1::format::ServerRecord record;
  record.set_time_unix_ns(absl::ToUnixNanos(clock.Now()));
  return record;
}

template <typename IdType>
std::string Raw(const IdType& id) {
  return std::string(id.text());
}

struct Registry::State {
  explicit State(const Clock& borrowed_clock) : clock(borrowed_clock) {}

  // Records what is `records` if every one of them can be obeyed, durably.
  // Writes under the lock: a change must not be seen before it is durable.
  absl::Status Change(std::span<const v1::format::ServerRecord> records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  const Clock& clock;
  mutable absl::Mutex mutex;
  Principals principals ABSL_GUARDED_BY(mutex);
  std::unique_ptr<JournalWriter> writer ABSL_GUARDED_BY(mutex);
  bool found_torn_tail ABSL_GUARDED_BY(mutex) = false;
};

}  // namespace nightsafe
