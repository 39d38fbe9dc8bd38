#include "client/restore/object_source.h"

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
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

absl::StatusOr<std::vector<absl::StatusOr<OpenedObject>>> ObjectSource::Fetch(
    ObjectKind kind, const std::vector<ObjectRef>& refs) const {
  std::vector<ObjectId> ids;
  std::vector<absl::StatusOr<OpenedObject>> results;
  absl::flat_hash_map<ObjectId, size_t> places;
  for (const ObjectRef& ref : refs) {
    places.emplace(ref.id, ids.size());
    ids.push_back(ref.id);
    results.emplace_back(absl::DataLossError(
        absl::StrCat("the server did not send object ", ref.id.Hex())));
  }
  Opener opener;
  absl::flat_hash_set<ObjectId> answered;
  ObjectTake take = [&](RemoteObject object) {
    auto place = places.find(object.id);
    if (place == places.end()) return absl::OkStatus();
    answered.insert(object.id);
    results[place->second] = Open(opener, kind, refs[place->second], object);
    return absl::OkStatus();
  };
  absl::Status status = fetch_(ids, take);
  if (!absl::IsDataLoss(status)) {
    NS_RETURN_IF_ERROR(status);
    return results;
  }
  // The answer held other bytes than those asked for. One by one it shows which
  // object they stand for.
  for (size_t i = 0; i < ids.size(); ++i) {
    if (answered.contains(ids[i])) continue;
    absl::Status one = fetch_({ids[i]}, take);
    if (absl::IsDataLoss(one)) {
      results[i] = one;
    } else {
      NS_RETURN_IF_ERROR(one);
    }
  }
  return results;
}

}  // namespace nightsafe
