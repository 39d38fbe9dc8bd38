// Any bytes as a reply of the server on a deposit stream: what is taken from it
// is what it says, and limits never pass the protocol's own.
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/rpc/deposit_reply.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "google/protobuf/stubs/logging.h"

namespace nightsafe {
namespace {

using v1::DepositReply;

// The event as a reply again.
struct ToReply {
  DepositReply operator()(const WantedReply& wanted) const {
    DepositReply reply;
    reply.mutable_wanted()->set_number(wanted.offer);
    reply.mutable_wanted()->set_bitmap(wanted.bitmap);
    for (size_t i = 0; i < 8 * wanted.bitmap.size(); ++i) {
      NS_CHECK(
          wanted.wanted(i) ==
          ((static_cast<uint8_t>(wanted.bitmap[i / 8]) >> i % 8 & 1) != 0));
    }
    NS_CHECK(!wanted.wanted(8 * wanted.bitmap.size()));
    return reply;
  }
  DepositReply operator()(const StoredReply& stored) const {
    DepositReply reply;
    reply.mutable_stored()->set_upto(stored.upto);
    return reply;
  }
  DepositReply operator()(const CommittedReply& committed) const {
    DepositReply reply;
    auto& message = *reply.mutable_committed();
    message.set_snapshot(std::string(committed.snapshot.text()));
    message.set_received_unix_ns(absl::ToUnixNanos(committed.received));
    message.set_sequence(committed.sequence);
    return reply;
  }
  DepositReply operator()(const SameReply& same) const {
    DepositReply reply;
    auto& message = *reply.mutable_same();
    message.set_snapshot(std::string(same.snapshot.text()));
    message.set_domain_epoch_changed(same.domain_epoch_changed);
    return reply;
  }
  DepositReply operator()(const ConflictReply& conflict) const {
    DepositReply reply;
    reply.mutable_conflict()->set_snapshot(
        std::string(conflict.snapshot.text()));
    return reply;
  }
  DepositReply operator()(const IncompleteReply& incomplete) const {
    NS_CHECK(incomplete.missing.size() <= kMaxMissingIds);
    DepositReply reply;
    for (const ObjectId& id : incomplete.missing) {
      AppendBytes(id.view(), *reply.mutable_incomplete()->mutable_missing());
    }
    reply.mutable_incomplete()->set_more(incomplete.more);
    return reply;
  }
  DepositReply operator()(const StreamEnded&) const {
    NS_CHECK(false);  // no message says that
    return {};
  }
};

std::string KnownPart(DepositReply reply) {
  reply.DiscardUnknownFields();
  return reply.SerializeAsString();
}

void CheckLimits(const DepositReply::Opened& opened) {
  const DepositLimits limits = ReadLimits(opened);
  NS_CHECK(limits.max_unanswered_offers >= 1 &&
           limits.max_unanswered_offers <= kMaxUnansweredOffers);
  NS_CHECK(limits.max_offer_ids >= 1 && limits.max_offer_ids <= kMaxOfferIds);
  NS_CHECK(limits.max_message_bytes <= kMaxMessageBytes);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  DepositReply reply;
  if (!reply.ParseFromArray(data, static_cast<int>(size))) return 0;
  CheckLimits(reply.opened());
  const std::string before = KnownPart(reply);
  const absl::StatusOr<DepositEvent> event = ReadReply(reply);
  if (event.ok()) {
    NS_CHECK(std::visit(ToReply(), *event).SerializeAsString() == before);
  } else {
    NS_CHECK(absl::IsDataLoss(event.status()));
  }
  return 0;
}
