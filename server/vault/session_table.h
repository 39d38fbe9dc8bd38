// Sessions that have not ended: what each relies on and has stored, whatever
// streams it uses.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "server/vault/touches.h"

namespace nightsafe {

// Used by one stream at a time.
struct SessionState {
  std::unique_ptr<TouchSet> touches;
  // By all its streams.
  uint64_t stored_bytes = 0;
  uint64_t stored_objects = 0;
};

// A session without an open stream.
struct IdleSession {
  std::string host;
  SessionId session;
  absl::Time since;
};

// Of one host, without a stream.
inline constexpr size_t kMaxIdleSessions = 8;

// Of one vault. Thread-safe. Forgotten by a restart.
class SessionTable {
 public:
  // Borrows.
  SessionTable(Touches& touches, const Clock& clock,
               size_t max_idle = kMaxIdleSessions)
      : touches_(touches), clock_(clock), max_idle_(max_idle) {}

  // A stream begins or goes on with the session.
  std::shared_ptr<SessionState> Enter(absl::string_view host,
                                      const SessionId& session,
                                      uint32_t domain_number);
  // The stream is gone. A session that relies on nothing is forgotten. Of those
  // that the host left, the last one stays until it expires, and before it as
  // many as max_idle and what a single session may touch allow; older ones end.
  void Leave(absl::string_view host, const SessionId& session);
  // It committed: it is over when its stream is gone.
  void End(absl::string_view host, const SessionId& session);

  // Without a stream, the longest idle first.
  std::vector<IdleSession> Idle() const;
  // Ends every session without a stream that was left before `before`; returns
  // how many. What only they relied on may be collected.
  size_t Expire(absl::Time before);

 private:
  struct Slot {
    std::shared_ptr<SessionState> state;
    int streams = 0;
    bool ended = false;
    absl::Time left;
  };
  using Key = std::pair<std::string, SessionId>;

  void LimitIdle(absl::string_view host) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Touches& touches_;
  const Clock& clock_;
  const size_t max_idle_;
  mutable absl::Mutex mutex_;
  std::map<Key, Slot> slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
