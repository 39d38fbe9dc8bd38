#include "client/rpc/renew_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "nightsafe/v1/renew.grpc.pb.h"

namespace nightsafe {

absl::StatusOr<std::string> RenewCertificateDer(const Connection& connection) {
  auto stub = v1::Renewal::NewStub(connection.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  v1::RenewReply reply;
  NS_RETURN_IF_ERROR(
      connection.ToStatus(stub->Renew(&context, v1::RenewRequest(), &reply)));
  return std::move(*reply.mutable_certificate_der());
}

}  // namespace nightsafe
