#include "client/rpc/refusal_probe.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "nightsafe/v1/admin.pb.h"
#include "nightsafe/v1/enrol.pb.h"
#include "nightsafe/v1/retrieve.pb.h"

namespace nightsafe {
namespace {

constexpr std::chrono::seconds kPatience(10);

grpc::Status CallWithNothing(const Connection& connection,
                             const std::string& path) {
  grpc::GenericStub stub(connection.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  grpc::ByteBuffer request, reply;
  const grpc::Slice empty("", 0);
  request = grpc::ByteBuffer(&empty, 1);
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, path, request, &queue);
  call->StartCall();
  call->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace

bool ProbedMethod::refused() const {
  return absl::IsPermissionDenied(answer) || absl::IsUnauthenticated(answer) ||
         absl::IsUnimplemented(answer);
}

std::vector<ProbedMethod> ProbeForeignMethods(const Connection& connection) {
  std::vector<ProbedMethod> probed;
  for (const google::protobuf::FileDescriptor* file :
       {v1::GetKeyringRequest::descriptor()->file(),
        v1::GetServerRequest::descriptor()->file(),
        v1::EnrolRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const google::protobuf::ServiceDescriptor* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        const std::string path = absl::StrCat("/", service->full_name(), "/",
                                              service->method(m)->name());
        const grpc::Status status = CallWithNothing(connection, path);
        probed.push_back({.path = path,
                          .answer = absl::Status(static_cast<absl::StatusCode>(
                                                     status.error_code()),
                                                 status.error_message())});
      }
    }
  }
  return probed;
}

}  // namespace nightsafe
