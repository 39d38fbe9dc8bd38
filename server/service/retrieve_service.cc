#include "server/service/retrieve_service.h"

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "server/service/convert.h"
#include "server/service/grpc_status.h"

namespace nightsafe {
namespace {

// A reply is sent when it holds this much.
constexpr size_t kReplyBytes = 2 << 20;

absl::Status CallerGone() {
  return absl::CancelledError("the caller went away");
}

// One stream among the supervised ones, if there are such.
class Supervised {
 public:
  static absl::StatusOr<Supervised> Enter(StreamTable* streams,
                                          grpc::ServerContext& context) {
    Supervised entered;
    if (streams == nullptr) return entered;
    NS_ASSIGN_OR_RETURN(entered.stream_, streams->Enter(context));
    return entered;
  }
  // Before each write: fails with the reason if the stream is to end.
  absl::Status Progress() {
    return stream_ == nullptr ? absl::OkStatus() : stream_->Progress();
  }

 private:
  std::unique_ptr<StreamTable::Stream> stream_;
};

// Gathers objects into replies.
class ObjectWriter {
 public:
  ObjectWriter(grpc::ServerWriter<v1::FetchObjectsReply>& writer,
               Supervised& stream)
      : writer_(writer), stream_(stream) {}

  absl::Status Add(FetchedObject object) {
    if (object.status.ok()) {
      if (size_ + object.bytes.size() > kReplyBytes) {
        NS_RETURN_IF_ERROR(Flush());
      }
      size_ += object.bytes.size();
      reply_.add_objects(std::move(object.bytes));
    } else if (absl::IsNotFound(object.status) ||
               absl::IsDataLoss(object.status)) {
      // What is wrong is as good as gone, and counts so from now on.
      AppendBytes(object.id.view(), *reply_.mutable_missing());
    } else {
      AppendBytes(object.id.view(), *reply_.mutable_unreadable());
    }
    return size_ >= kReplyBytes ? Flush() : absl::OkStatus();
  }

  absl::Status Flush() {
    NS_RETURN_IF_ERROR(stream_.Progress());
    if (reply_.ByteSizeLong() == 0) return absl::OkStatus();
    const bool sent = writer_.Write(reply_);
    reply_.Clear();
    size_ = 0;
    return sent ? absl::OkStatus() : CallerGone();
  }

 private:
  grpc::ServerWriter<v1::FetchObjectsReply>& writer_;
  Supervised& stream_;
  v1::FetchObjectsReply reply_;
  size_t size_ = 0;
};

}  // namespace

absl::StatusOr<Vault*> RetrieveService::FindReadable(
    grpc::ServerContext& context, absl::string_view vault) {
  NS_ASSIGN_OR_RETURN(Principal principal,
                      authorizer_->Identify(*context.auth_context()));
  absl::StatusOr<Vault*> found = data_.FindVault(vault);
  if (principal.all_vaults) return found;
  if (!found.ok() || !principal.MayRead(vault)) {
    return absl::PermissionDeniedError(
        "this credential may not read that vault, or there is none");
  }
  return found;
}

grpc::Status RetrieveService::ListVaults(grpc::ServerContext* context,
                                         const v1::ListVaultsRequest*,
                                         v1::ListVaultsReply* reply) {
  const auto principal = authorizer_->Identify(*context->auth_context());
  if (!principal.ok()) return ToGrpc(principal.status());
  for (Vault* vault : data_.Vaults()) {
    const VaultRegistration& registration = vault->registration();
    if (!principal->MayRead(registration.name)) continue;
    v1::VaultSummary& summary = *reply->add_vaults();
    summary.set_name(registration.name);
    summary.set_vault_id(std::string(registration.id.text()));
    summary.set_server_id(std::string(data_.registry().server_id().text()));
  }
  return grpc::Status::OK;
}

grpc::Status RetrieveService::GetKeyring(grpc::ServerContext* context,
                                         const v1::GetKeyringRequest* request,
                                         v1::GetKeyringReply* reply) {
  const auto vault = FindReadable(*context, request->vault());
  if (!vault.ok()) return ToGrpc(vault.status());
  reply->set_sealed_keyring((*vault)->sealed_keyring());
  return grpc::Status::OK;
}

grpc::Status RetrieveService::ListSnapshots(
    grpc::ServerContext* context, const v1::ListSnapshotsRequest* request,
    grpc::ServerWriter<v1::ListSnapshotsReply>* writer) {
  return ToGrpc(List(*context, *request, *writer), *context);
}

absl::Status RetrieveService::List(
    grpc::ServerContext& context, const v1::ListSnapshotsRequest& request,
    grpc::ServerWriter<v1::ListSnapshotsReply>& writer) {
  NS_ASSIGN_OR_RETURN(Supervised stream, Supervised::Enter(streams_, context));
  NS_ASSIGN_OR_RETURN(Vault * vault, FindReadable(context, request.vault()));
  v1::ListSnapshotsReply reply;
  size_t size = 0;
  for (const SnapshotInfo& snapshot : vault->Snapshots({.host = request.host(),
                                      .set = request.set(),
                                      .life = SnapshotLife::kPurged})) {
    *reply.add_snapshots() = ToRecord(snapshot);
    size += snapshot.manifest.size();
    if (size < kReplyBytes) continue;
    NS_RETURN_IF_ERROR(stream.Progress());
    if (!writer.Write(reply)) return CallerGone();
    reply.Clear();
    size = 0;
  }
  if (reply.snapshots_size() > 0) writer.Write(reply);
  return absl::OkStatus();
}

grpc::Status RetrieveService::FetchObjects(
    grpc::ServerContext* context, const v1::FetchObjectsRequest* request,
    grpc::ServerWriter<v1::FetchObjectsReply>* writer) {
  return ToGrpc(Fetch(*context, *request, *writer), *context);
}

absl::Status RetrieveService::Fetch(
    grpc::ServerContext& context, const v1::FetchObjectsRequest& request,
    grpc::ServerWriter<v1::FetchObjectsReply>& writer) {
  NS_ASSIGN_OR_RETURN(Supervised stream, Supervised::Enter(streams_, context));
  NS_ASSIGN_OR_RETURN(Vault * vault, FindReadable(context, request.vault()));
  NS_ASSIGN_OR_RETURN(std::vector<ObjectId> ids,
                      ToObjectIds(request.ids(), kMaxOfferIds));
  ObjectWriter out(writer, stream);
  NS_RETURN_IF_ERROR(vault->Fetch(
      request.domain_number(), ids,
      [&](FetchedObject object) { return out.Add(std::move(object)); }));
  return out.Flush();
}

}  // namespace nightsafe
