#include "client/rpc/retrieve_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "nightsafe/v1/retrieve.grpc.pb.h"

namespace nightsafe {
namespace {

constexpr std::chrono::seconds kUnaryDeadline(120);

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kUnaryDeadline);
}

// A kind that this program does not know is nothing to restore.
SnapshotLife LifeOf(const v1::SnapshotRecord& record) {
  switch (record.life()) {
    case v1::SnapshotRecord::LIVE:
      return SnapshotLife::kLive;
    case v1::SnapshotRecord::EXPIRED:
      return SnapshotLife::kExpired;
    default:
      return SnapshotLife::kPurged;
  }
}

absl::StatusOr<RemoteVault> ReadVault(const v1::VaultSummary& summary) {
  RemoteVault vault;
  vault.name = summary.name();
  NS_ASSIGN_OR_RETURN(vault.vault_id,
                      VaultId::FromBytes(AsBytes(summary.vault_id())));
  NS_ASSIGN_OR_RETURN(vault.server,
                      ServerId::FromBytes(AsBytes(summary.server_id())));
  return vault;
}

}  // namespace

absl::StatusOr<std::vector<RemoteVault>> RetrieveClient::ListVaults() const {
  auto stub = v1::Retrieve::NewStub(connection_.channel());
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ListVaultsReply reply;
  NS_RETURN_IF_ERROR(
      connection_.ToStatus(stub->ListVaults(&context, {}, &reply)));
  std::vector<RemoteVault> vaults;
  for (const v1::VaultSummary& summary : reply.vaults()) {
    auto vault = ReadVault(summary);
    if (!vault.ok()) {
      return absl::DataLossError("the server's list of vaults is malformed");
    }
    vaults.push_back(*std::move(vault));
  }
  return vaults;
}

absl::StatusOr<std::string> RetrieveClient::GetKeyring(
    absl::string_view vault) const {
  auto stub = v1::Retrieve::NewStub(connection_.channel());
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetKeyringRequest request;
  request.set_vault(std::string(vault));
  v1::GetKeyringReply reply;
  NS_RETURN_IF_ERROR(
      connection_.ToStatus(stub->GetKeyring(&context, request, &reply)));
  if (reply.sealed_keyring().empty()) {
    return absl::NotFoundError(
        absl::StrCat("the server keeps no keyring of vault ", vault,
                     "; use the copy that was saved when the vault was made"));
  }
  return std::move(*reply.mutable_sealed_keyring());
}

absl::StatusOr<std::vector<RemoteSnapshot>> RetrieveClient::ListSnapshots(
    absl::string_view vault, absl::string_view host,
    absl::string_view set) const {
  auto stub = v1::Retrieve::NewStub(connection_.channel());
  grpc::ClientContext context;
  v1::ListSnapshotsRequest request;
  request.set_vault(std::string(vault));
  request.set_host(std::string(host));
  request.set_set(std::string(set));
  auto stream = stub->ListSnapshots(&context, request);
  std::vector<RemoteSnapshot> snapshots;
  v1::ListSnapshotsReply reply;
  while (stream->Read(&reply)) {
    for (v1::SnapshotRecord& record : *reply.mutable_snapshots()) {
      snapshots.push_back(
          {std::move(*record.mutable_manifest()), record.sequence(),
           absl::FromUnixNanos(record.received_unix_ns()),
           record.domain_number(), record.new_bytes(), LifeOf(record),
           absl::FromUnixNanos(record.expired_unix_ns())});
    }
  }
  NS_RETURN_IF_ERROR(connection_.ToStatus(stream->Finish()));
  return snapshots;
}

absl::Status RetrieveClient::FetchObjects(
    absl::string_view vault, uint32_t domain_number,
    const std::vector<ObjectId>& ids,
    const std::function<absl::Status(RemoteObject)>& take) const {
  auto stub = v1::Retrieve::NewStub(connection_.channel());
  for (size_t at = 0; at < ids.size(); at += kMaxOfferIds) {
    const auto batch =
        std::span(ids).subspan(at, std::min(kMaxOfferIds, ids.size() - at));
    v1::FetchObjectsRequest request;
    request.set_vault(std::string(vault));
    request.set_domain_number(domain_number);
    for (const ObjectId& id : batch) {
      AppendBytes(id.view(), *request.mutable_ids());
    }
    grpc::ClientContext context;
    FetchCall call(batch, take);
    auto stream = stub->FetchObjects(&context, request);
    absl::Status taken;
    v1::FetchObjectsReply reply;
    while (taken.ok() && stream->Read(&reply)) taken = call.TakeReply(reply);
    if (!taken.ok()) context.TryCancel();
    const grpc::Status end = stream->Finish();
    NS_RETURN_IF_ERROR(taken);
    NS_RETURN_IF_ERROR(connection_.ToStatus(end));
    NS_RETURN_IF_ERROR(call.CheckComplete());
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
