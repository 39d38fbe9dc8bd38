#include "client/rpc/deposit_reply.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::StatusOr<SnapshotId> ReadSnapshotId(const std::string& raw) {
  auto id = SnapshotId::FromBytes(AsBytes(raw));
  if (!id.ok()) return absl::DataLossError("reply with a bad snapshot id");
  return *id;
}

absl::StatusOr<DepositEvent> ReadIncomplete(
    const v1::DepositReply::Incomplete& message) {
  const std::string& raw = message.missing();
  if (raw.size() % ObjectId::kSize != 0 ||
      raw.size() / ObjectId::kSize > kMaxMissingIds) {
    return absl::DataLossError("reply with a bad list of missing objects");
  }
  IncompleteReply reply;
  reply.more = message.more();
  for (size_t at = 0; at < raw.size(); at += ObjectId::kSize) {
    reply.missing.push_back(
        ObjectId::FromValidBytes(AsBytes(raw).subspan(at, ObjectId::kSize)));
  }
  return reply;
}

}  // namespace

absl::StatusOr<DepositEvent> ReadReply(v1::DepositReply& reply) {
  switch (reply.message_case()) {
    case v1::DepositReply::kWanted:
      return WantedReply{reply.wanted().number(),
                         std::move(*reply.mutable_wanted()->mutable_bitmap())};
    case v1::DepositReply::kStored:
      return StoredReply{reply.stored().upto()};
    case v1::DepositReply::kCommitted: {
      NS_ASSIGN_OR_RETURN(SnapshotId id,
                          ReadSnapshotId(reply.committed().snapshot()));
      return CommittedReply{
          id, absl::FromUnixNanos(reply.committed().received_unix_ns()),
          reply.committed().sequence()};
    }
    case v1::DepositReply::kSame: {
      NS_ASSIGN_OR_RETURN(SnapshotId id,
                          ReadSnapshotId(reply.same().snapshot()));
      return SameReply{id, reply.same().domain_epoch_changed()};
    }
    case v1::DepositReply::kConflict: {
      NS_ASSIGN_OR_RETURN(SnapshotId id,
                          ReadSnapshotId(reply.conflict().snapshot()));
      return ConflictReply{id};
    }
    case v1::DepositReply::kIncomplete:
      return ReadIncomplete(reply.incomplete());
    default:
      return absl::DataLossError(
          "unexpected reply; is the server of another version?");
  }
}

DepositLimits ReadLimits(const v1::DepositReply::Opened& opened) {
  DepositLimits limits;
  limits.max_unanswered_offers = std::clamp<uint32_t>(
      opened.max_unanswered_offers(), 1, uint32_t{kMaxUnansweredOffers});
  limits.max_offer_ids =
      std::clamp<uint32_t>(opened.max_offer_ids(), 1, uint32_t{kMaxOfferIds});
  limits.max_message_bytes =
      std::min<uint64_t>(opened.max_message_bytes(), kMaxMessageBytes);
  limits.max_unanswered_put_bytes = opened.max_unanswered_put_bytes();
  return limits;
}

}  // namespace nightsafe
