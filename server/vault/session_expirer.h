// Ends, while the server runs, the sessions that their agents left behind.
#pragma once

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

// Thread-safe.
class SessionExpirer {
 public:
  // Borrows. From now on a session ends when it has been without a stream for
  // `after`, or up to a minute later.
  SessionExpirer(DataDirectory& data, const Clock& clock, absl::Duration after);
  // As Stop.
  ~SessionExpirer();

  // Nothing ends any more.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  DataDirectory& data_;
  const Clock& clock_;
  const absl::Duration after_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nightsafe
