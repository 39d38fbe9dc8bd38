// Deposit: what a host can call.
#pragma once

#include "absl/status/status.h"
#include "nightsafe/v1/deposit.grpc.pb.h"
#include "server/metrics/counters.h"
#include "server/service/admission.h"
#include "server/service/stream_table.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

// Thread-safe. Borrows all.
class DepositService final : public v1::Deposit::Service {
 public:
  DepositService(DataDirectory& data, StreamTable& streams,
                 Admission& admission, Counters& counters)
      : data_(data),
        streams_(streams),
        admission_(admission),
        counters_(counters) {}

  grpc::Status Session(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::DepositReply, v1::DepositRequest>* stream)
      override;

 private:
  absl::Status Serve(
      grpc::ServerContext& context,
      grpc::ServerReaderWriter<v1::DepositReply, v1::DepositRequest>& stream);

  DataDirectory& data_;
  StreamTable& streams_;
  Admission& admission_;
  Counters& counters_;
};

}  // namespace nightsafe
