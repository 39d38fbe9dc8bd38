// The deposit session of one stream: messages out, replies in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/rpc/connection.h"
#include "client/rpc/deposit_reply.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace nightsafe {

struct DepositOpen {
  std::string set;
  SessionId session;
  std::string manifest_head;  // raw snapshot id, or empty
  std::string agent_version;
};

// Writes from one thread at a time; events come on a thread of the stream.
class DepositClient {
 public:
  // Must not block and must not call into the stream. StreamEnded comes last,
  // exactly once.
  using OnEvent = std::function<void(DepositEvent)>;

  // Returns when the server answered Opened. `connection` must outlive the
  // stream. The status is as Connection::ToStatus says, with RetryAfter if the
  // server tells when; no event follows then.
  static absl::StatusOr<std::unique_ptr<DepositClient>> Open(
      const Connection& connection, const DepositOpen& open, OnEvent on_event);

  // Cancels if the stream has not ended; the last event precedes its return.
  ~DepositClient();
  DepositClient(const DepositClient&) = delete;
  DepositClient& operator=(const DepositClient&) = delete;

  const DepositLimits& limits() const { return limits_; }

  // Each blocks while the transport is full, and returns the reason if the
  // stream has ended.
  absl::Status Offer(uint64_t number, const std::vector<ObjectId>& ids);
  absl::Status Put(uint64_t number,
                   const std::vector<absl::string_view>& objects);
  absl::Status Commit(ByteView manifest);
  // Tells the server that nothing follows, and waits for the end.
  absl::Status Finish();
  // From any thread: ends the stream with CANCELLED.
  void Cancel();

  // Bytes of all messages written so far, without transport overhead.
  uint64_t sent_bytes() const;

 private:
  struct State;
  explicit DepositClient(std::unique_ptr<State> state);
  DepositLimits limits_;
  std::unique_ptr<State> state_;
};

}  // namespace nightsafe
