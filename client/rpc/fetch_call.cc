#include "client/rpc/fetch_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/object/object.h"

namespace nightsafe {

absl::Status FetchCall::TakeReply(v1::FetchObjectsReply& reply) {
  for (std::string& object : *reply.mutable_objects()) {
    const ObjectId id = ObjectIdOf(AsBytes(object));
    NS_RETURN_IF_ERROR(Answer({id, absl::OkStatus(), std::move(object)}));
  }
  NS_RETURN_IF_ERROR(TakeIds(reply.missing(), absl::StatusCode::kNotFound,
                             "is not on the server"));
  return TakeIds(reply.unreadable(), absl::StatusCode::kUnavailable,
                 "cannot be read by the server now");
}

absl::Status FetchCall::CheckComplete() const {
  if (open_.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the server left ", open_.size(),
                                          " objects unanswered, such as ",
                                          open_.begin()->Hex()));
}

absl::Status FetchCall::TakeIds(const std::string& raw, absl::StatusCode code,
                                absl::string_view what) {
  if (raw.size() % ObjectId::kSize != 0) {
    return absl::DataLossError("reply with a bad list of object ids");
  }
  for (size_t at = 0; at < raw.size(); at += ObjectId::kSize) {
    const ObjectId id =
        ObjectId::FromValidBytes(AsBytes(raw).subspan(at, ObjectId::kSize));
    NS_RETURN_IF_ERROR(Answer(
        {id, absl::Status(code, absl::StrCat("object ", id.Hex(), " ", what)),
         ""}));
  }
  return absl::OkStatus();
}

absl::Status FetchCall::Answer(RemoteObject object) {
  if (open_.erase(object.id) == 0) {
    return absl::DataLossError(absl::StrCat(
        "the server sent ", object.id.Hex(),
        ", which was not asked for: a damaged object or a wrong answer"));
  }
  return take_(std::move(object));
}

}  // namespace nightsafe
