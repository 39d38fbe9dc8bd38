#include "server/vault/closure.h"

#include "absl/container/flat_hash_set.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

class Walk {
 public:
  Walk(ObjectStore& store, TouchSet& session, uint64_t generation)
      : store_(store), session_(session), generation_(generation) {
    closure_.reached = ReachedObjects(store.options().max_reached);
  }

  absl::StatusOr<Closure> Run(const ObjectId& root) {
    NS_RETURN_IF_ERROR(Reach(std::span(&root, 1), /*is_root=*/true));
    while (!todo_.empty() && !closure_.more) {
      const IndexEntry node = todo_.back();
      todo_.pop_back();
      if (store_.options().between_steps) store_.options().between_steps();
      NS_RETURN_IF_ERROR(ReadNode(node));
    }
    if (!gone_.empty()) {
      NS_RETURN_IF_ERROR(store_.Quarantine(gone_, "its pack is missing"));
    }
    return std::move(closure_);
  }

 private:
  absl::Status Reach(std::span<const ObjectId> ids, bool is_root) {
    const bool planted =
        store_.options().defect == CollectionDefect::kTouchOnlyStops;
    NS_ASSIGN_OR_RETURN(
        auto found,
        store_.FindAndTouch(session_, ids, planted ? generation_ : 0));
    for (size_t i = 0; i < ids.size(); ++i) {
      NS_RETURN_IF_ERROR(Visit(ids[i], found[i], is_root));
    }
    return absl::OkStatus();
  }

  void Miss(const ObjectId& id) {
    if (missing_.contains(id)) return;
    if (closure_.missing.size() == kMaxMissingIds) {
      closure_.more = true;
      return;
    }
    missing_.insert(id);
    closure_.missing.push_back(id);
  }

  absl::Status Visit(const ObjectId& id,
                     const std::optional<ObjectLocation>& location,
                     bool is_root) {
    if (!location || location->kind == ObjectKind::kManifest) {
      Miss(id);
      return absl::OkStatus();
    }
    closure_.reached.Add(id, location->length,
                         location->kind == ObjectKind::kNode);
    if (location->kind == ObjectKind::kData) {
      if (!is_root) return absl::OkStatus();
      return absl::InvalidArgumentError("the manifest's root is not a node");
    }
    if (location->closed_generation == generation_) {
      closure_.reached.NoteStop();
      return absl::OkStatus();
    }
    if (reached_.insert(id).second) {
      todo_.push_back({session_.domain_number(), id, *location});
    }
    return absl::OkStatus();
  }

  absl::Status ReadNode(IndexEntry entry) {
    absl::StatusOr<std::string> bytes =
        store_.Read(entry.domain_number, entry.id, entry.location);
    if (absl::IsNotFound(bytes.status())) {
      // It may have been moved to another pack meanwhile.
      NS_ASSIGN_OR_RETURN(
          auto now, store_.Find(entry.domain_number, std::span(&entry.id, 1)));
      if (now[0] && now[0]->pack != entry.location.pack) {
        todo_.push_back({entry.domain_number, entry.id, *now[0]});
        return absl::OkStatus();
      }
      Miss(entry.id);
      gone_.push_back(entry);
      return absl::OkStatus();
    }
    if (absl::IsDataLoss(bytes.status())) {
      Miss(entry.id);
      return store_.Quarantine(std::span(&entry, 1), bytes.status().message());
    }
    NS_RETURN_IF_ERROR(bytes.status());
    NS_ASSIGN_OR_RETURN(ObjectView view, ParseObject(AsBytes(*bytes)));
    std::vector<ObjectId> refs;
    refs.reserve(view.ref_count());
    for (size_t i = 0; i < view.ref_count(); ++i) refs.push_back(view.ref(i));
    NS_RETURN_IF_ERROR(Reach(refs, /*is_root=*/false));
    entry.location.closed_generation = generation_;
    closure_.proved.push_back(entry);
    return absl::OkStatus();
  }

  ObjectStore& store_;
  TouchSet& session_;
  const uint64_t generation_;
  // Of nodes that are there, and of no other ids: what a host can make this
  // hold is less than it had to upload. Taken from the end: depth first.
  std::vector<IndexEntry> todo_;
  absl::flat_hash_set<ObjectId> reached_;
  absl::flat_hash_set<ObjectId> missing_;
  // With their pack: set aside at once, so that the host can put them again.
  std::vector<IndexEntry> gone_;
  Closure closure_;
};

}  // namespace

absl::StatusOr<Closure> WalkClosure(ObjectStore& store, TouchSet& session,
                                    const ObjectId& root, uint64_t generation) {
  return Walk(store, session, generation).Run(root);
}

}  // namespace nightsafe
