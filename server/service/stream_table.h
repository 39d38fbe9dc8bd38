// The streams of hosts, readers or admins that are open, and what ends one that
// should not be: idle, too slow, too old, superseded, of a principal that was
// revoked, or of a server that stops.
#pragma once

#include <grpcpp/server_context.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "server/authz/authorizer.h"
#include "server/catalog/registry.h"

namespace nightsafe {

struct StreamLimits {
  // Without kProgressBytes of whole messages, so one that trickles in ends the
  // stream too; of a reader, without taking what is sent.
  absl::Duration idle = absl::Minutes(10);
  // Until a host's first message.
  absl::Duration opening = absl::Seconds(30);
  absl::Duration age = absl::Hours(24 * 7);
  // How often the supervisor looks.
  absl::Duration look_interval = absl::Seconds(1);
  // Of one principal at a time: none can take every thread.
  size_t streams_per_host = 16;  // or admin
  size_t streams_per_reader = 32;
  size_t sessions_per_host = 4;
};
inline constexpr uint64_t kProgressBytes = 1 << 10;

// Thread-safe. Borrows all; must outlive every stream, so it goes after the
// gRPC servers.
class StreamTable {
 public:
  StreamTable(std::shared_ptr<const Authorizer> authorizer,
              const Registry& registry, const Clock& clock,
              const StreamLimits& limits);
  ~StreamTable();

  // One stream, from the handler's first line to its last. The handler's own
  // thread uses it.
  class Stream {
   public:
    ~Stream();
    const Principal& principal() const { return principal_; }

    // Takes the session over: an older stream of the same host that has it is
    // ended with ABORTED, and this waits until it has let go. UNAVAILABLE if
    // it does not within half a minute; RESOURCE_EXHAUSTED with a time to try
    // again past sessions_per_host.
    absl::Status Claim(const SessionId& session);

    // Around the handling of one message. BeginWork fails with the reason if
    // the stream is to end; between the two calls it does not count as idle and
    // is not ended by a stop of the server.
    absl::Status BeginWork();
    // `bytes`: of the message.
    absl::Status EndWork(uint64_t bytes);

    // Readers: before something is sent. Fails with the reason if the stream is
    // to end; until the next call, or the end, it counts as idle.
    absl::Status Progress();

   private:
    friend class StreamTable;
    Stream(StreamTable& table, grpc::ServerContext& context,
           Principal principal)
        : table_(table),
          context_(context),
          connection_(context.auth_context()),
          principal_(std::move(principal)) {}
    bool Supersedes(const Stream& other) const
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(table_.mutex_);
    bool OfSamePrincipal(const Stream& other) const;
    // Sessions of the same host that other streams have.
    size_t OtherSessions() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(table_.mutex_);
    // Why it is overdue at `now`; OK: it is not.
    absl::Status Overdue(absl::Time now) const
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(table_.mutex_);
    bool ClaimIsDecided() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(table_.mutex_);
    // Ends the call now with `why`, unless it was ended before.
    void End(const absl::Status& why)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(table_.mutex_);
    // All streams of a table share its mutex, which the analysis cannot know.
    void AssertLocked() const ABSL_ASSERT_EXCLUSIVE_LOCK(table_.mutex_) {
      table_.mutex_.AssertHeld();
    }

    StreamTable& table_;
    grpc::ServerContext& context_;
    const std::shared_ptr<const grpc::AuthContext> connection_;
    const Principal principal_;
    SessionId session_ ABSL_GUARDED_BY(table_.mutex_);
    bool claimed_ ABSL_GUARDED_BY(table_.mutex_) = false;
    bool working_ ABSL_GUARDED_BY(table_.mutex_) = false;
    absl::Time entered_ ABSL_GUARDED_BY(table_.mutex_);
    absl::Time work_began_ ABSL_GUARDED_BY(table_.mutex_);
    // Later by the time that was spent at work since.
    absl::Time last_message_ ABSL_GUARDED_BY(table_.mutex_);
    uint64_t bytes_since_ ABSL_GUARDED_BY(table_.mutex_) = 0;
    absl::Status ended_ ABSL_GUARDED_BY(table_.mutex_);
  };

  // PERMISSION_DENIED, or RESOURCE_EXHAUSTED with a time to try again past
  // streams_per_host or streams_per_reader.
  absl::StatusOr<std::unique_ptr<Stream>> Enter(grpc::ServerContext& context);

  // Ends waiting streams with UNAVAILABLE, working ones after their message;
  // refuses new ones.
  void Stop();
  uint64_t open_streams() const;  // of hosts

 private:
  void Supervise();
  void EndOverdue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndRevoked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<const Authorizer> authorizer_;
  const Registry& registry_;
  const Clock& clock_;
  const StreamLimits limits_;
  mutable absl::Mutex mutex_;
  std::list<Stream*> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t revocations_seen_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread supervisor_;
};

}  // namespace nightsafe
