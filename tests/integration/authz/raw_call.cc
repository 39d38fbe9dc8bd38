#include "tests/integration/authz/raw_call.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <chrono>

#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(
    const std::string& address, const Caller& caller,
    const std::string& ca_pem) {
  switch (caller.transport) {
    case Transport::kPlain:
      return grpc::InsecureChannelCredentials();
    case Transport::kLocal:
      return grpc::experimental::LocalCredentials(
          absl::StartsWith(address, "unix:") ? UDS : LOCAL_TCP);
    default:
      return grpc::SslCredentials({ca_pem, caller.credential.key_pem,
                                   caller.credential.certificate_pem});
  }
}

// Whether the operation that was just begun succeeded.
bool Wait(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  NS_CHECK(queue.Next(&tag, &ok));
  return ok;
}

}  // namespace

std::shared_ptr<grpc::Channel> Dial(const std::string& address,
                                    const Caller& caller,
                                    const ServerId& server,
                                    const std::string& ca_pem) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (caller.transport == Transport::kTls) {
    arguments.SetSslTargetNameOverride(ServerDnsName(server));
  }
  return grpc::CreateCustomChannel(
      address, CredentialsOf(address, caller, ca_pem), arguments);
}

grpc::Status RawCall(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& path, const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(30));
  const auto call = stub.PrepareCall(&context, path, &queue);
  call->StartCall(nullptr);
  if (Wait(queue)) {
    const grpc::Slice slice(request);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    if (Wait(queue)) {
      call->WritesDone(nullptr);
      Wait(queue);
    }
    grpc::ByteBuffer reply;
    do {
      call->Read(&reply, nullptr);
    } while (Wait(queue));
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  Wait(queue);
  return status;
}

}  // namespace nightsafe
