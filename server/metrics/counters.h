// What the server has counted since it started, for the metrics page.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nightsafe {

// Thread-safe. Labels are names that were validated or that the .proto files
// hold, so a peer cannot make series.
class Counters {
 public:
  struct Refusal {
    std::string method;  // full path, or "unknown"
    std::string role;
    friend auto operator<=>(const Refusal&, const Refusal&) = default;
  };
  struct Host {
    std::string vault;
    std::string host;
    friend auto operator<=>(const Host&, const Host&) = default;
  };
  struct Traffic {
    uint64_t received_bytes = 0;
    uint64_t received_objects = 0;
    uint64_t stored_bytes = 0;
    uint64_t stored_objects = 0;
  };
  struct Set {
    std::string vault;
    std::string host;
    std::string set;
    friend auto operator<=>(const Set&, const Set&) = default;
  };
  struct Values {
    std::map<Refusal, uint64_t> refusals;
    std::map<Host, Traffic> traffic;
    std::map<Set, absl::Time> last_commits;
    uint64_t exhaustions = 0;
  };

  void AddRefusal(absl::string_view method, absl::string_view role);
  // A deposit was refused for want of space, quota or a limit.
  void AddExhaustion();
  void AddTraffic(const Host& host, const Traffic& more);
  // Keeps the latest time of each set.
  void NoteCommit(const Set& set, absl::Time received);
  Values Get() const;

 private:
  mutable absl::Mutex mutex_;
  Values values_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nightsafe
