#include "server/service/deposit_service.h"

#include "common/base/kill_point.h"
#include "server/service/deposit_stream.h"
#include "server/service/grpc_status.h"

namespace nightsafe {

grpc::Status DepositService::Session(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::DepositReply, v1::DepositRequest>* stream) {
  auto entered = streams_.Enter(*context);
  if (!entered.ok()) return ToGrpc(entered.status());
  const Principal& host = (*entered)->principal();
  DepositStream deposit(
      data_, {host.vault, host.name},
      [&](const SessionId& session) { return (*entered)->Claim(session); },
      counters_);
  v1::DepositRequest request;
  while (stream->Read(&request)) {
    const absl::Status begun = (*entered)->BeginWork();
    if (!begun.ok()) return ToGrpc(begun);
    absl::StatusOr<v1::DepositReply> reply = deposit.Handle(request);
    const absl::Status ended = (*entered)->EndWork();
    if (!reply.ok()) return ToGrpc(reply.status());
    if (!stream->Write(*reply)) break;
    if (reply->has_committed()) NS_KILL_POINT("commit.answered");
    if (!ended.ok()) return ToGrpc(ended);
  }
  return grpc::Status::OK;
}

}  // namespace nightsafe
