// The protocol of one deposit stream: a message in, its answer out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "nightsafe/v1/deposit.pb.h"
#include "server/metrics/counters.h"
#include "server/service/admission.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

// What Opened announces as max_unanswered_put_bytes.
inline constexpr uint64_t kMaxUnansweredPutBytes = 64 << 20;

// For one thread. Borrows all but the host.
class DepositStream {
 public:
  // Takes a session over from an older stream; see StreamTable.
  using Claim = std::function<absl::Status(const SessionId& session)>;

  DepositStream(DataDirectory& data, Counters::Host host, Claim claim,
                Admission& admission, Counters& counters)
      : data_(data),
        claim_(std::move(claim)),
        admission_(admission),
        counters_(counters),
        host_(std::move(host)) {}

  // An error ends the stream. INVALID_ARGUMENT, FAILED_PRECONDITION: the
  // protocol is broken; else what the vault says.
  absl::StatusOr<v1::DepositReply> Handle(const v1::DepositRequest& request);

 private:
  absl::StatusOr<v1::DepositReply> Open(const v1::DepositRequest::Open& open);
  absl::StatusOr<v1::DepositReply> Offer(
      const v1::DepositRequest::Offer& offer);
  absl::StatusOr<v1::DepositReply> Put(const v1::DepositRequest::Put& put);
  absl::StatusOr<v1::DepositReply> Commit(
      const v1::DepositRequest::Commit& commit);
  // Charged before it is stored, and not if it was there.
  absl::Status PutOne(const std::string& object);
  void CountStored();

  DataDirectory& data_;
  const Claim claim_;
  Admission& admission_;
  Counters& counters_;
  const Counters::Host host_;
  std::string set_;
  SessionId session_id_;
  HostRegistration registration_;  // as of Open
  Vault* vault_ = nullptr;
  std::unique_ptr<DepositSession> session_;
  uint64_t last_offer_ = 0;
  uint64_t last_put_ = 0;
  uint64_t counted_bytes_ = 0;
  uint64_t counted_objects_ = 0;
  bool committed_ = false;
};

}  // namespace nightsafe
