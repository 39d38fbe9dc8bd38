#include "server/service/collect_call.h"

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "server/vault/throttle.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kReplyInterval = absl::Milliseconds(500);

const char* PhaseName(CollectPhase phase) {
  switch (phase) {
    case CollectPhase::kMarking:
      return "marking";
    case CollectPhase::kSurveying:
      return "counting";
    case CollectPhase::kClearing:
      return "condemning";
    case CollectPhase::kRewriting:
      return "rewriting";
    case CollectPhase::kDone:
      break;
  }
  return "done";
}

// Sends while it waits: the rate is the caller's choice, and one who is gone,
// or may not go on, ends the wait.
absl::Status Pause(absl::Duration pause,
                   const std::function<absl::Status()>& send) {
  for (; pause > kReplyInterval; pause -= kReplyInterval) {
    absl::SleepFor(kReplyInterval);
    NS_RETURN_IF_ERROR(send());
  }
  absl::SleepFor(pause);
  return absl::OkStatus();
}

void SetProgress(const CollectProgress& progress, v1::CollectReply& reply) {
  reply.set_phase(PhaseName(progress.phase));
  reply.set_objects(progress.objects);
  reply.set_marked_objects(progress.marked_objects);
  reply.set_condemned_bytes(progress.condemned_bytes);
  reply.set_removed_packs(progress.removed_packs);
  reply.set_removed_bytes(progress.removed_bytes);
  reply.set_rewritten_bytes(progress.rewritten_bytes);
  reply.set_packs(progress.total_packs);
}

void SetResult(const CollectResult& result, v1::CollectReply& reply) {
  reply.set_phase("done");
  reply.set_objects(result.objects);
  reply.set_marked_objects(result.figures.marked_objects());
  reply.set_condemned_objects(result.figures.condemned_objects());
  reply.set_condemned_bytes(result.figures.condemned_bytes());
  reply.set_total_bytes(result.total_bytes);
  reply.set_removed_packs(result.figures.removed_packs());
  reply.set_removed_bytes(result.figures.removed_bytes());
  reply.set_rewritten_bytes(result.figures.rewritten_bytes());
  reply.set_freed_bytes(result.freed_bytes);
  reply.set_unusual_share(result.unusual_share);
  reply.set_missing_objects(result.missing_objects);
  reply.set_memory_bytes(result.memory_bytes);
  reply.set_done(true);
}

}  // namespace

absl::StatusOr<v1::CollectReply> CollectVault(
    Vault& vault, const v1::CollectRequest& request,
    const std::function<absl::Status(const v1::CollectReply&)>& send) {
  v1::CollectReply reply;
  reply.set_vault(vault.registration().name);
  if (!request.dry_run()) {
    NS_ASSIGN_OR_RETURN(const uint64_t purged, vault.PurgeDue());
    reply.set_purged_snapshots(purged);
  }
  Throttle throttle(request.bytes_per_second());
  absl::Time sent = absl::InfinitePast();
  NS_ASSIGN_OR_RETURN(
      const CollectResult result,
      vault.Collect({.dry_run = request.dry_run(),
                     .override_share = request.allow_large(),
                     .override_missing = request.allow_missing()},
                    [&](const CollectProgress& progress) -> absl::Status {
                      const absl::Time now = absl::Now();
                      SetProgress(progress, reply);
                      NS_RETURN_IF_ERROR(Pause(
                          throttle.PauseAfter(progress.rewritten_bytes, now),
                          [&] { return send(reply); }));
                      if (now < sent + kReplyInterval) return absl::OkStatus();
                      sent = now;
                      return send(reply);
                    }));
  SetResult(result, reply);
  return reply;
}

}  // namespace nightsafe
