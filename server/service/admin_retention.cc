// What AdminService says of retention.
#include <algorithm>

#include "common/base/status.h"
#include "server/service/admin_service.h"
#include "server/service/audit.h"
#include "server/service/convert.h"
#include "server/service/grpc_status.h"
#include "server/service/histories.h"

namespace nightsafe {
namespace {

constexpr int kRecordsPerReply = 500;

bool IsWanted(const v1::AdminSnapshot& snapshot,
              const v1::AdminListSnapshotsRequest& request) {
  if (request.lives().empty()) return snapshot.life() == "live";
  return std::find(request.lives().begin(), request.lives().end(),
                   snapshot.life()) != request.lives().end();
}

}  // namespace

grpc::Status AdminService::ListSnapshots(
    grpc::ServerContext* context, const v1::AdminListSnapshotsRequest* request,
    grpc::ServerWriter<v1::AdminListSnapshotsReply>* writer) {
  auto stream = AdminStream<v1::AdminListSnapshotsReply>::Enter(
      streams_, *context, *writer);
  if (!stream.ok()) return ToGrpc(stream.status(), *context);
  return ToGrpc(ListSnapshots(*request, *stream));
}

absl::Status AdminService::ListSnapshots(
    const v1::AdminListSnapshotsRequest& request,
    AdminStream<v1::AdminListSnapshotsReply>& stream) {
  NS_ASSIGN_OR_RETURN(Vault * vault, data_.FindVault(request.vault()));
  const absl::Time now = sources_.clock.Now();
  v1::AdminListSnapshotsReply reply;
  for (const SnapshotInfo& snapshot : vault->Snapshots({.host = request.host(),
                                      .set = request.set(),
                                      .life = SnapshotLife::kPurged})) {
    v1::AdminSnapshot record = ToAdminSnapshot(snapshot);
    if (!IsWanted(record, request)) continue;
    if (snapshot.life == SnapshotLife::kExpired) {
      const absl::Duration trash = vault->Read([&](const VaultState& state) {
        return state.retention()
            .policies()
            .At(snapshot.host, snapshot.set, now)
            .effective.policy.trash;
      });
      record.set_purge_unix_ns(absl::ToUnixNanos(snapshot.expired_at + trash));
    }
    *reply.add_snapshots() = std::move(record);
    if (reply.snapshots_size() < kRecordsPerReply) continue;
    NS_RETURN_IF_ERROR(stream.Write(reply));
    reply.Clear();
  }
  return reply.snapshots_size() > 0 ? stream.Write(reply) : absl::OkStatus();
}

grpc::Status AdminService::ListHistories(
    grpc::ServerContext* context, const v1::ListHistoriesRequest* request,
    grpc::ServerWriter<v1::ListHistoriesReply>* writer) {
  auto stream =
      AdminStream<v1::ListHistoriesReply>::Enter(streams_, *context, *writer);
  if (!stream.ok()) return ToGrpc(stream.status(), *context);
  return ToGrpc(ListHistories(*request, *stream));
}

absl::Status AdminService::ListHistories(
    const v1::ListHistoriesRequest& request,
    AdminStream<v1::ListHistoriesReply>& stream) {
  NS_ASSIGN_OR_RETURN(Vault * vault, data_.FindVault(request.vault()));
  const absl::Time now = sources_.clock.Now();
  const auto replies = vault->Read([&](const VaultState& state) {
    return ToHistories(state, request.host(), now);
  });
  for (const v1::ListHistoriesReply& reply : replies) {
    NS_RETURN_IF_ERROR(stream.Write(reply));
  }
  return absl::OkStatus();
}

grpc::Status AdminService::GetPolicies(grpc::ServerContext*,
                                       const v1::GetPoliciesRequest* request,
                                       v1::GetPoliciesReply* reply) {
  const auto vault = data_.FindVault(request->vault());
  if (!vault.ok()) return ToGrpc(vault.status());
  const absl::Time now = sources_.clock.Now();
  *reply = (*vault)->Read([&](const VaultState& state) {
    return ToPolicies(state, *request, now);
  });
  return grpc::Status::OK;
}

grpc::Status AdminService::PruneByPolicy(
    grpc::ServerContext*, const v1::PruneByPolicyRequest* request,
    v1::PruneByPolicyReply* reply) {
  const auto vault = data_.FindVault(request->vault());
  if (!vault.ok()) return ToGrpc(vault.status());
  const auto plans = (*vault)->PruneByPolicy();
  if (!plans.ok()) return ToGrpc(plans.status());
  for (const HostPlan& plan : *plans) *reply->add_hosts() = ToPruned(plan);
  return grpc::Status::OK;
}

grpc::Status AdminService::Audit(grpc::ServerContext* context,
                                 const v1::AuditRequest* request,
                                 grpc::ServerWriter<v1::AuditReply>* writer) {
  auto stream = AdminStream<v1::AuditReply>::Enter(streams_, *context, *writer);
  if (!stream.ok()) return ToGrpc(stream.status(), *context);
  return ToGrpc(AuditJournal(data_, *request, [&](const v1::AuditReply& reply) {
    return stream->Write(reply);
  }));
}

}  // namespace nightsafe
