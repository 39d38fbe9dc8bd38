#include "server/metrics/counters.h"

#include <algorithm>

namespace nightsafe {

void Counters::AddRefusal(absl::string_view method, absl::string_view role) {
  absl::MutexLock lock(&mutex_);
  ++values_.refusals[{std::string(method), std::string(role)}];
}

void Counters::AddExhaustion() {
  absl::MutexLock lock(&mutex_);
  ++values_.exhaustions;
}

void Counters::AddTraffic(const Host& host, const Traffic& more) {
  absl::MutexLock lock(&mutex_);
  Traffic& sum = values_.traffic[host];
  sum.received_bytes += more.received_bytes;
  sum.received_objects += more.received_objects;
  sum.stored_bytes += more.stored_bytes;
  sum.stored_objects += more.stored_objects;
}

void Counters::NoteCommit(const Set& set, absl::Time received) {
  absl::MutexLock lock(&mutex_);
  auto [at, added] = values_.last_commits.try_emplace(set, received);
  if (!added) at->second = std::max(at->second, received);
}

Counters::Values Counters::Get() const {
  absl::MutexLock lock(&mutex_);
  return values_;
}

}  // namespace nightsafe
