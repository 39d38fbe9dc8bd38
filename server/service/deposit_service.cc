#include "server/service/deposit_service.h"

#include <memory>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "server/service/deposit_stream.h"
#include "server/service/grpc_status.h"

namespace nightsafe {

grpc::Status DepositService::Session(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::DepositReply, v1::DepositRequest>* stream) {
  const absl::Status status = Serve(*context, *stream);
  if (absl::IsResourceExhausted(status)) counters_.AddExhaustion();
  return ToGrpc(status, *context);
}

absl::Status DepositService::Serve(
    grpc::ServerContext& context,
    grpc::ServerReaderWriter<v1::DepositReply, v1::DepositRequest>& stream) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<StreamTable::Stream> entered,
                      streams_.Enter(context));
  const Principal& host = entered->principal();
  DepositStream deposit(
      data_, {host.vault, host.name},
      [&](const SessionId& session) { return entered->Claim(session); },
      admission_, counters_);
  v1::DepositRequest request;
  while (stream.Read(&request)) {
    NS_RETURN_IF_ERROR(entered->BeginWork());
    absl::StatusOr<v1::DepositReply> reply = deposit.Handle(request);
    const absl::Status ended = entered->EndWork(request.ByteSizeLong());
    NS_RETURN_IF_ERROR(reply.status());
    if (!stream.Write(*reply)) break;
    if (reply->has_committed()) NS_KILL_POINT("commit.answered");
    NS_RETURN_IF_ERROR(ended);
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
