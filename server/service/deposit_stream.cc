#include "server/service/deposit_stream.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "server/service/convert.h"

namespace nightsafe {
namespace {

constexpr uint32_t kProtocol = 1;

// Numbers start above zero and rise, so an answer names one message.
absl::Status CheckNumber(absl::string_view what, uint64_t number,
                         uint64_t last) {
  if (number > last) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " number ", number, " does not rise; the last was ", last));
}

}  // namespace

absl::StatusOr<v1::DepositReply> DepositStream::Handle(
    const v1::DepositRequest& request) {
  const auto what = request.message_case();
  if (what == v1::DepositRequest::kOpen) return Open(request.open());
  if (session_ == nullptr) {
    return absl::FailedPreconditionError("a deposit stream begins with Open");
  }
  if (committed_) {
    return absl::FailedPreconditionError(
        "the snapshot is committed; another one needs a new stream");
  }
  switch (what) {
    case v1::DepositRequest::kOffer:
      return Offer(request.offer());
    case v1::DepositRequest::kPut:
      return Put(request.put());
    case v1::DepositRequest::kCommit:
      return Commit(request.commit());
    default:
      return absl::InvalidArgumentError(
          "a message that this server does not know; is the agent newer than "
          "the server?");
  }
}

absl::StatusOr<v1::DepositReply> DepositStream::Open(
    const v1::DepositRequest::Open& open) {
  if (session_ != nullptr) {
    return absl::FailedPreconditionError("the stream is open already");
  }
  if (open.protocol() != kProtocol) {
    return absl::FailedPreconditionError(
        absl::StrCat("the agent speaks protocol ", open.protocol(),
                     ", this server ", kProtocol, "; upgrade the older one"));
  }
  NS_RETURN_IF_ERROR(ValidateName("set", open.set()));
  NS_ASSIGN_OR_RETURN(SessionId id, ToId<SessionId>("session", open.session()));
  if (!open.manifest_head().empty()) {
    NS_RETURN_IF_ERROR(
        ToId<SnapshotId>("manifest_head", open.manifest_head()).status());
  }
  NS_RETURN_IF_ERROR(claim_(id));
  NS_ASSIGN_OR_RETURN(registration_,
                      data_.registry().FindHost(host_.vault, host_.host));
  NS_ASSIGN_OR_RETURN(vault_, data_.FindVault(host_.vault));
  NS_RETURN_IF_ERROR(
      admission_.AdmitSnapshot(*vault_, registration_, open.set(), id));
  NS_ASSIGN_OR_RETURN(session_,
                      vault_->OpenSession(registration_, open.set(), id));
  set_ = open.set();
  session_id_ = id;
  counted_bytes_ = session_->stored_bytes();
  counted_objects_ = session_->stored_objects();
  v1::DepositReply reply;
  reply.mutable_opened()->set_max_unanswered_offers(kMaxUnansweredOffers);
  reply.mutable_opened()->set_max_offer_ids(kMaxOfferIds);
  reply.mutable_opened()->set_max_message_bytes(kMaxMessageBytes);
  reply.mutable_opened()->set_max_unanswered_put_bytes(kMaxUnansweredPutBytes);
  return reply;
}

absl::StatusOr<v1::DepositReply> DepositStream::Offer(
    const v1::DepositRequest::Offer& offer) {
  NS_RETURN_IF_ERROR(CheckNumber("offer", offer.number(), last_offer_));
  NS_ASSIGN_OR_RETURN(std::string bitmap,
                      session_->Wanted(AsBytes(offer.ids())));
  last_offer_ = offer.number();
  v1::DepositReply reply;
  reply.mutable_wanted()->set_number(offer.number());
  reply.mutable_wanted()->set_bitmap(std::move(bitmap));
  return reply;
}

absl::StatusOr<v1::DepositReply> DepositStream::Put(
    const v1::DepositRequest::Put& put) {
  NS_RETURN_IF_ERROR(CheckNumber("put", put.number(), last_put_));
  if (put.objects().empty()) {
    return absl::InvalidArgumentError("a put without objects");
  }
  for (const std::string& object : put.objects()) {
    counters_.AddTraffic(
        host_, {.received_bytes = object.size(), .received_objects = 1});
    NS_RETURN_IF_ERROR(PutOne(object));
  }
  last_put_ = put.number();
  v1::DepositReply reply;
  reply.mutable_stored()->set_upto(put.number());
  return reply;
}

absl::StatusOr<v1::DepositReply> DepositStream::Commit(
    const v1::DepositRequest::Commit& commit) {
  // The supervisor ends streams of the revoked a moment later.
  NS_ASSIGN_OR_RETURN(HostRegistration host,
                      data_.registry().FindHost(host_.vault, host_.host));
  if (host.revoked || !host.enrolled) {
    return absl::PermissionDeniedError(
        absl::StrCat("host ", host.name, " was revoked: ask the admin"));
  }
  // Another session may have been faster since this one was opened.
  const uint64_t size = commit.manifest().size();
  NS_RETURN_IF_ERROR(
      admission_.AdmitSnapshot(*vault_, host, set_, session_id_, size));
  const bool repeated = session_->committed();
  auto outcome = session_->Commit(AsBytes(commit.manifest()));
  CountStored();
  if (!outcome.ok()) return outcome.status();
  if (const auto* committed = std::get_if<Committed>(&*outcome)) {
    if (!repeated) admission_.NoteCommit(*vault_, host, set_, size);
    counters_.NoteCommit({host_.vault, host_.host, set_}, committed->received);
  }
  committed_ = !std::holds_alternative<Incomplete>(*outcome);
  return ToReply(*outcome);
}

absl::Status DepositStream::PutOne(const std::string& object) {
  NS_RETURN_IF_ERROR(admission_.Charge(*vault_, registration_, object.size()));
  const uint64_t before = session_->stored_objects();
  const absl::Status stored = session_->Put(AsBytes(object));
  if (session_->stored_objects() == before) {
    admission_.Refund(*vault_, registration_, object.size());
  }
  CountStored();
  return stored;
}

void DepositStream::CountStored() {
  const uint64_t bytes = session_->stored_bytes();
  const uint64_t objects = session_->stored_objects();
  counters_.AddTraffic(host_, {.stored_bytes = bytes - counted_bytes_,
                               .stored_objects = objects - counted_objects_});
  counted_bytes_ = bytes;
  counted_objects_ = objects;
}

}  // namespace nightsafe
