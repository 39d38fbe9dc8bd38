#include "server/vault/session_expirer.h"

#include <algorithm>

namespace nightsafe {
namespace {

constexpr absl::Duration kLookInterval = absl::Minutes(1);

}  // namespace

SessionExpirer::SessionExpirer(DataDirectory& data, const Clock& clock,
                               absl::Duration after)
    : data_(data), clock_(clock), after_(after), thread_([this] { Run(); }) {}

SessionExpirer::~SessionExpirer() { Stop(); }

void SessionExpirer::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void SessionExpirer::Run() {
  const absl::Duration tick = std::min(kLookInterval, after_ / 2);
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), tick);
      if (stopping_) return;
    }
    for (Vault* vault : data_.Vaults()) {
      vault->ExpireSessions(clock_.Now() - after_);
    }
  }
}

}  // namespace nightsafe
