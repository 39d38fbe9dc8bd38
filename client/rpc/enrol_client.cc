#include "client/rpc/enrol_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "nightsafe/v1/enrol.grpc.pb.h"

namespace nightsafe {

absl::StatusOr<std::string> EnrolForCertificateDer(const Connection& connection,
                                                   ByteView token,
                                                   ByteView csr_der) {
  auto stub = v1::Enrol::NewStub(connection.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  v1::EnrolRequest request;
  request.set_token(std::string(AsText(token)));
  request.set_csr_der(std::string(AsText(csr_der)));
  v1::EnrolReply reply;
  NS_RETURN_IF_ERROR(
      connection.ToStatus(stub->Enrol(&context, request, &reply)));
  return std::move(*reply.mutable_certificate_der());
}

}  // namespace nightsafe
