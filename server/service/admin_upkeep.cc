// Scrubs and collections that an admin asks for.
#include "common/base/status.h"
#include "server/service/admin_service.h"
#include "server/service/collect_call.h"
#include "server/service/findings.h"
#include "server/service/grpc_status.h"

namespace nightsafe {
namespace {

// Each may name twenty snapshots.
constexpr int kFindingsPerReply = 100;

}  // namespace

grpc::Status AdminService::Scrub(grpc::ServerContext* context,
                                 const v1::ScrubRequest* request,
                                 grpc::ServerWriter<v1::ScrubReply>* writer) {
  auto stream = AdminStream<v1::ScrubReply>::Enter(streams_, *context, *writer);
  if (!stream.ok()) return ToGrpc(stream.status(), *context);
  return ToGrpc(Scrub(*request, *stream));
}

absl::Status AdminService::Scrub(const v1::ScrubRequest& request,
                                 AdminStream<v1::ScrubReply>& stream) {
  NS_ASSIGN_OR_RETURN(std::vector<VaultFindings> vaults,
                      sources_.scrubber.ScrubNow(
                          {.vault = request.vault(),
                           .bytes_per_second = request.bytes_per_second(),
                           .resume = request.resume()},
                          [&](const ScrubSight& sight) {
                            v1::ScrubReply reply;
                            reply.set_vault(sight.vault);
                            reply.set_objects(sight.progress.objects);
                            reply.set_bytes(sight.progress.bytes);
                            reply.set_total_bytes(sight.progress.total_bytes);
                            return stream.Write(reply);
                          }));
  v1::ScrubReply reply;
  for (const VaultFindings& one : vaults) {
    NS_ASSIGN_OR_RETURN(Vault * vault, data_.FindVault(one.vault));
    NS_ASSIGN_OR_RETURN(Damage damage,
                        vault->FindDamage(absl::InfiniteFuture(), [&stream] {
                          return stream.is_over();
                        }));
    if (!damage.complete) {
      return absl::CancelledError("the caller went away");
    }
    const ScrubResult& result = one.result;
    const FindingList findings(one.vault, result.problems, damage);
    for (size_t i = 0; i < findings.size(); ++i) {
      *reply.add_findings() = findings.Make(i);
      if (reply.findings_size() < kFindingsPerReply) continue;
      NS_RETURN_IF_ERROR(stream.Write(reply));
      reply.clear_findings();
    }
    reply.set_more_findings(reply.more_findings() + result.more_problems);
    reply.set_objects(reply.objects() + result.figures.objects());
    reply.set_bytes(reply.bytes() + result.figures.bytes());
    reply.set_total_bytes(reply.bytes());
    reply.set_hit_snapshots(reply.hit_snapshots() + damage.snapshots.size());
  }
  reply.set_done(true);
  return stream.Write(reply);
}

grpc::Status AdminService::Collect(
    grpc::ServerContext* context, const v1::CollectRequest* request,
    grpc::ServerWriter<v1::CollectReply>* writer) {
  auto stream =
      AdminStream<v1::CollectReply>::Enter(streams_, *context, *writer);
  if (!stream.ok()) return ToGrpc(stream.status(), *context);
  return ToGrpc(Collect(*request, *stream));
}

absl::Status AdminService::Collect(const v1::CollectRequest& request,
                                   AdminStream<v1::CollectReply>& stream) {
  // They can cost what a damaged snapshot still has, and no key signs them.
  if (streams_ != nullptr &&
      (request.allow_large() || request.allow_missing())) {
    return absl::PermissionDeniedError(
        "a collection is overridden on the server's socket alone: use --server "
        "ssh://HOST, or unix: on the server itself");
  }
  NS_ASSIGN_OR_RETURN(std::vector<Vault*> vaults, Selected(request.vault()));
  for (Vault* vault : vaults) {
    NS_ASSIGN_OR_RETURN(
        v1::CollectReply last,
        CollectVault(*vault, request, [&](const v1::CollectReply& reply) {
          return stream.Write(reply);
        }));
    NS_RETURN_IF_ERROR(stream.Write(last));
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
