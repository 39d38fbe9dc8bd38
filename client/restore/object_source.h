// Objects from the server to verified plaintext.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/rpc/retrieve_client.h"
#include "common/object/object.h"
#include "common/object/sealer.h"

namespace nightsafe {

// As RetrieveClient::FetchObjects of one snapshot's domain; thread-safe. An
// error ends the restore: objects that are not there are no error.
using ObjectTake = std::function<absl::Status(RemoteObject)>;
using ObjectFetch = std::function<absl::Status(const std::vector<ObjectId>&,
                                               const ObjectTake&)>;

struct OpenedObject {
  std::vector<ObjectId> refs;
  std::string plain;
};

// How a request outlives a lost connection or a server that is started again:
// what is outstanding is asked for again after a wait, doubled each time.
struct RetryRule {
  int max_retries = 0;  // without an object between them
  absl::Duration first_wait = absl::Seconds(1);
  absl::Duration longest_wait = absl::Seconds(30);
  // Before each wait, with the error; on any thread.
  std::function<void(const absl::Status&, absl::Duration)> on_wait;
};

// Thread-safe. Believes nothing the server says: an object is taken only if its
// bytes have the id that was asked for, and open with the parent's key.
class ObjectSource {
 public:
  explicit ObjectSource(ObjectFetch fetch, RetryRule retry = {})
      : fetch_(std::move(fetch)), retry_(std::move(retry)) {}

  // The objects of `refs` (unique ids), which must be of `kind`, in one
  // request; results are parallel to `refs`. A damaged or absent one is
  // DATA_LOSS in its place, one the server cannot read now UNAVAILABLE; an
  // error of the whole call is the request's, UNAVAILABLE and CANCELLED only
  // after the retries. `stop` ends a wait for the next one.
  absl::StatusOr<std::vector<absl::StatusOr<OpenedObject>>> Fetch(
      ObjectKind kind, const std::vector<ObjectRef>& refs,
      const absl::Notification* stop = nullptr) const;

 private:
  class Request;

  ObjectFetch fetch_;
  RetryRule retry_;
};

}  // namespace nightsafe
