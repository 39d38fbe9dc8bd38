// The replies to one call of FetchObjects, decoded.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "nightsafe/v1/retrieve.pb.h"

namespace nightsafe {

// The answer to one id. OK: `bytes` hash to `id`. NOT_FOUND: the server has no
// such object. UNAVAILABLE: it has one and cannot read it now.
struct RemoteObject {
  ObjectId id;
  absl::Status status;
  std::string bytes;
};

// Which ids are still to be answered. Borrows `take`.
class FetchCall {
 public:
  FetchCall(std::span<const ObjectId> ids,
            const std::function<absl::Status(RemoteObject)>& take)
      : open_(ids.begin(), ids.end()), take_(take) {}

  // Gives each answer of `reply` to `take`, once for each id. DATA_LOSS for
  // what was not asked for; errors of `take`.
  absl::Status TakeReply(v1::FetchObjectsReply& reply);
  // DATA_LOSS unless every id was answered.
  absl::Status CheckComplete() const;

 private:
  absl::Status TakeIds(const std::string& raw, absl::StatusCode code,
                       absl::string_view what);
  absl::Status Answer(RemoteObject object);

  absl::flat_hash_set<ObjectId> open_;
  const std::function<absl::Status(RemoteObject)>& take_;
};

}  // namespace nightsafe
