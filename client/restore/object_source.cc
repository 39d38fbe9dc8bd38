#include "client/restore/object_source.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::StatusOr<OpenedObject> Open(Opener& opener, ObjectKind kind,
                                  const ObjectRef& ref,
                                  const RemoteObject& object) {
  if (absl::IsNotFound(object.status)) {
    return absl::DataLossError(
        absl::StrCat("object ", ref.id.Hex(), " is missing on the server"));
  }
  if (!object.status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("object ", ref.id.Hex(),
                     " cannot be read by the server now; try again later"));
  }
  OpenedObject opened;
  NS_ASSIGN_OR_RETURN(opened.plain, opener.Open(AsBytes(object.bytes), ref));
  NS_ASSIGN_OR_RETURN(ObjectView view, ParseObject(AsBytes(object.bytes)));
  if (view.kind != kind) {
    return absl::DataLossError(absl::StrCat(
        "object ", ref.id.Hex(), " is of kind ", static_cast<int>(view.kind),
        ", expected ", static_cast<int>(kind)));
  }
  for (size_t i = 0; i < view.ref_count(); ++i) {
    opened.refs.push_back(view.ref(i));
  }
  return opened;
}

}  // namespace

// The answers to one set of objects, however often they are asked for.
class ObjectSource::Request {
 public:
  Request(const ObjectSource& source, ObjectKind kind,
          const std::vector<ObjectRef>& refs, const absl::Notification* stop)
      : source_(source), kind_(kind), refs_(refs), stop_(stop) {
    for (const ObjectRef& ref : refs) {
      places_.emplace(ref.id, results_.size());
      results_.emplace_back(absl::DataLossError(
          absl::StrCat("the server did not send object ", ref.id.Hex())));
    }
  }

  absl::StatusOr<std::vector<absl::StatusOr<OpenedObject>>> Run() {
    std::vector<ObjectId> ids;
    for (const ObjectRef& ref : refs_) ids.push_back(ref.id);
    const absl::Status status = FetchAll(ids);
    if (!absl::IsDataLoss(status)) {
      NS_RETURN_IF_ERROR(status);
      return std::move(results_);
    }
    // The answer held other bytes than those asked for. One by one it shows
    // which object they stand for.
    for (size_t i = 0; i < ids.size(); ++i) {
      if (answered_.contains(ids[i])) continue;
      const absl::Status one = FetchAll({ids[i]});
      if (absl::IsDataLoss(one)) {
        results_[i] = one;
      } else {
        NS_RETURN_IF_ERROR(one);
      }
    }
    return std::move(results_);
  }

 private:
  absl::Status FetchAll(std::vector<ObjectId> ids) {
    int retries = 0;
    for (;;) {
      const size_t before = answered_.size();
      const absl::Status status = source_.fetch_(
          ids, [this](RemoteObject object) { return Take(std::move(object)); });
      if (!absl::IsUnavailable(status) && !absl::IsCancelled(status)) {
        return status;
      }
      if (answered_.size() > before) retries = 0;
      std::erase_if(
          ids, [this](const ObjectId& id) { return answered_.contains(id); });
      if (ids.empty()) return absl::OkStatus();
      if (retries == source_.retry_.max_retries || !Wait(retries, status)) {
        return status;
      }
      ++retries;
    }
  }

  absl::Status Take(RemoteObject object) {
    const auto place = places_.find(object.id);
    if (place == places_.end()) return absl::OkStatus();
    answered_.insert(object.id);
    results_[place->second] =
        Open(opener_, kind_, refs_[place->second], object);
    return absl::OkStatus();
  }

  // False: nobody wants the objects any more.
  bool Wait(int retries, const absl::Status& why) const {
    const RetryRule& rule = source_.retry_;
    const absl::Duration wait = std::min(
        rule.first_wait * (1 << std::min(retries, 20)), rule.longest_wait);
    if (rule.on_wait) rule.on_wait(why, wait);
    if (stop_ != nullptr) return !stop_->WaitForNotificationWithTimeout(wait);
    absl::SleepFor(wait);
    return true;
  }

  const ObjectSource& source_;
  const ObjectKind kind_;
  const std::vector<ObjectRef>& refs_;
  const absl::Notification* const stop_;
  Opener opener_;
  absl::flat_hash_map<ObjectId, size_t> places_;
  absl::flat_hash_set<ObjectId> answered_;
  std::vector<absl::StatusOr<OpenedObject>> results_;
};

absl::StatusOr<std::vector<absl::StatusOr<OpenedObject>>> ObjectSource::Fetch(
    ObjectKind kind, const std::vector<ObjectRef>& refs,
    const absl::Notification* stop) const {
  return Request(*this, kind, refs, stop).Run();
}

}  // namespace nightsafe
