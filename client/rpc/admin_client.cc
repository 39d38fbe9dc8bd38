#include "client/rpc/admin_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "nightsafe/v1/admin.grpc.pb.h"

namespace nightsafe {
namespace {

template <typename Request, typename Reply>
using Method = grpc::Status (v1::Admin::Stub::*)(grpc::ClientContext*,
                                                 const Request&, Reply*);

template <typename Request, typename Reply>
absl::StatusOr<Reply> Call(const Connection& connection,
                           Method<Request, Reply> method,
                           const Request& request) {
  auto stub = v1::Admin::NewStub(connection.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(120));
  Reply reply;
  NS_RETURN_IF_ERROR(
      connection.ToStatus(((*stub).*method)(&context, request, &reply)));
  return reply;
}

template <typename Message>
std::vector<Message> ToVector(
    google::protobuf::RepeatedPtrField<Message>& from) {
  return {std::make_move_iterator(from.begin()),
          std::make_move_iterator(from.end())};
}

template <typename Reply>
absl::Status TakeUntilDone(
    const Connection& connection, grpc::ClientContext& context,
    grpc::ClientReader<Reply>& stream, absl::string_view what,
    const std::function<absl::Status(const Reply&)>& take) {
  Reply reply;
  absl::Status taken;
  bool done = false;
  while (taken.ok() && stream.Read(&reply)) {
    done = reply.done();
    taken = take(reply);
  }
  if (!taken.ok()) context.TryCancel();
  const grpc::Status end = stream.Finish();
  NS_RETURN_IF_ERROR(taken);
  NS_RETURN_IF_ERROR(connection.ToStatus(end));
  if (done) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the server ended the ", what, " early"));
}

}  // namespace

absl::StatusOr<v1::GetServerReply> AdminClient::GetServer() const {
  return Call(connection_, &v1::Admin::Stub::GetServer, v1::GetServerRequest());
}

absl::Status AdminClient::AddVault(const v1::AddVaultRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::AddVault, request).status();
}

absl::StatusOr<std::vector<v1::AdminVault>> AdminClient::ListVaults() const {
  NS_ASSIGN_OR_RETURN(auto reply,
                      Call(connection_, &v1::Admin::Stub::ListVaults,
                           v1::AdminListVaultsRequest()));
  return ToVector(*reply.mutable_vaults());
}

absl::StatusOr<v1::AddTokenReply> AdminClient::AddHost(
    const v1::AddHostRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::AddHost, request);
}

absl::StatusOr<v1::AddTokenReply> AdminClient::AddReader(
    const v1::AddReaderRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::AddReader, request);
}

absl::StatusOr<v1::AddAdminReply> AdminClient::AddAdmin(
    const v1::AddAdminRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::AddAdmin, request);
}

absl::StatusOr<v1::AdminGetKeyringReply> AdminClient::GetKeyring(
    absl::string_view vault) const {
  v1::AdminGetKeyringRequest request;
  request.set_vault(std::string(vault));
  return Call(connection_, &v1::Admin::Stub::GetKeyring, request);
}

absl::Status AdminClient::SubmitOrder(const v1::format::SignedOrder& order,
                                      absl::string_view sealed_keyring) const {
  v1::SubmitOrderRequest request;
  *request.mutable_order() = order;
  request.set_sealed_keyring(std::string(sealed_keyring));
  return Call(connection_, &v1::Admin::Stub::SubmitOrder, request).status();
}

absl::StatusOr<std::vector<v1::HostRecord>> AdminClient::ListHosts(
    absl::string_view vault) const {
  v1::ListHostsRequest request;
  request.set_vault(std::string(vault));
  NS_ASSIGN_OR_RETURN(auto reply,
                      Call(connection_, &v1::Admin::Stub::ListHosts, request));
  return ToVector(*reply.mutable_hosts());
}

absl::StatusOr<std::vector<v1::ReaderRecord>> AdminClient::ListReaders() const {
  NS_ASSIGN_OR_RETURN(auto reply,
                      Call(connection_, &v1::Admin::Stub::ListReaders,
                           v1::ListReadersRequest()));
  return ToVector(*reply.mutable_readers());
}

absl::StatusOr<std::vector<v1::AdminRecord>> AdminClient::ListAdmins() const {
  NS_ASSIGN_OR_RETURN(
      auto reply,
      Call(connection_, &v1::Admin::Stub::ListAdmins, v1::ListAdminsRequest()));
  return ToVector(*reply.mutable_admins());
}

absl::StatusOr<std::vector<v1::TokenRecord>> AdminClient::ListTokens() const {
  NS_ASSIGN_OR_RETURN(
      auto reply,
      Call(connection_, &v1::Admin::Stub::ListTokens, v1::ListTokensRequest()));
  return ToVector(*reply.mutable_tokens());
}

absl::StatusOr<std::vector<v1::AdminSnapshot>> AdminClient::ListSnapshots(
    const v1::AdminListSnapshotsRequest& request) const {
  auto stub = v1::Admin::NewStub(connection_.channel());
  grpc::ClientContext context;
  auto stream = stub->ListSnapshots(&context, request);
  std::vector<v1::AdminSnapshot> snapshots;
  v1::AdminListSnapshotsReply reply;
  while (stream->Read(&reply)) {
    for (v1::AdminSnapshot& snapshot : *reply.mutable_snapshots()) {
      snapshots.push_back(std::move(snapshot));
    }
  }
  NS_RETURN_IF_ERROR(connection_.ToStatus(stream->Finish()));
  return snapshots;
}

absl::StatusOr<std::vector<v1::ListHistoriesReply>> AdminClient::ListHistories(
    const v1::ListHistoriesRequest& request) const {
  auto stub = v1::Admin::NewStub(connection_.channel());
  grpc::ClientContext context;
  auto stream = stub->ListHistories(&context, request);
  std::vector<v1::ListHistoriesReply> replies;
  v1::ListHistoriesReply reply;
  while (stream->Read(&reply)) replies.push_back(std::move(reply));
  NS_RETURN_IF_ERROR(connection_.ToStatus(stream->Finish()));
  return replies;
}

absl::StatusOr<v1::GetPoliciesReply> AdminClient::GetPolicies(
    const v1::GetPoliciesRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::GetPolicies, request);
}

absl::StatusOr<v1::PruneByPolicyReply> AdminClient::PruneByPolicy(
    const v1::PruneByPolicyRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::PruneByPolicy, request);
}

absl::Status AdminClient::Audit(
    const v1::AuditRequest& request,
    const std::function<absl::Status(const v1::AuditReply&)>& take) const {
  auto stub = v1::Admin::NewStub(connection_.channel());
  grpc::ClientContext context;
  return TakeUntilDone<v1::AuditReply>(
      connection_, context, *stub->Audit(&context, request), "audit", take);
}

absl::StatusOr<v1::GetStatusReply> AdminClient::GetStatus(
    const v1::GetStatusRequest& request) const {
  return Call(connection_, &v1::Admin::Stub::GetStatus, request);
}

absl::Status AdminClient::Scrub(
    const v1::ScrubRequest& request,
    const std::function<absl::Status(const v1::ScrubReply&)>& take) const {
  auto stub = v1::Admin::NewStub(connection_.channel());
  grpc::ClientContext context;
  return TakeUntilDone<v1::ScrubReply>(
      connection_, context, *stub->Scrub(&context, request), "scrub", take);
}

absl::Status AdminClient::Collect(
    const v1::CollectRequest& request,
    const std::function<absl::Status(const v1::CollectReply&)>& take) const {
  auto stub = v1::Admin::NewStub(connection_.channel());
  grpc::ClientContext context;
  auto stream = stub->Collect(&context, request);
  v1::CollectReply reply;
  absl::Status taken;
  while (taken.ok() && stream->Read(&reply)) taken = take(reply);
  if (!taken.ok()) context.TryCancel();
  const grpc::Status end = stream->Finish();
  NS_RETURN_IF_ERROR(taken);
  return connection_.ToStatus(end);
}

}  // namespace nightsafe
