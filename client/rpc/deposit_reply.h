// Replies of a deposit stream, decoded. Nothing a server sends is believed.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "nightsafe/v1/deposit.pb.h"

namespace nightsafe {

// What the server allows; never more than the protocol's own limits.
struct DepositLimits {
  uint32_t max_unanswered_offers = 1;
  uint32_t max_offer_ids = 1;
  uint64_t max_message_bytes = 0;
  uint64_t max_unanswered_put_bytes = 0;
};

struct WantedReply {
  uint64_t offer = 0;
  std::string bitmap;
  bool wanted(size_t i) const {
    return i / 8 < bitmap.size() && ((bitmap[i / 8] >> (i % 8)) & 1) != 0;
  }
};
struct StoredReply {
  uint64_t upto = 0;
};
struct CommittedReply {
  SnapshotId snapshot;
  absl::Time received;
  uint64_t sequence = 0;
};
struct SameReply {
  SnapshotId snapshot;
  bool domain_epoch_changed = false;
};
struct ConflictReply {
  SnapshotId snapshot;
};
struct IncompleteReply {
  std::vector<ObjectId> missing;
  bool more = false;
};
// The last one of every stream. OK only after Finish.
struct StreamEnded {
  absl::Status status;
};
using DepositEvent =
    std::variant<WantedReply, StoredReply, CommittedReply, SameReply,
                 ConflictReply, IncompleteReply, StreamEnded>;

// Takes the parts of `reply`. DATA_LOSS for one that breaks the protocol, and
// for Opened, which is no answer.
absl::StatusOr<DepositEvent> ReadReply(v1::DepositReply& reply);
DepositLimits ReadLimits(const v1::DepositReply::Opened& opened);

}  // namespace nightsafe
