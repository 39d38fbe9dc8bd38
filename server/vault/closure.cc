#include "server/vault/closure.h"

#include "absl/container/flat_hash_set.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

class Walk {
 public:
  Walk(ObjectStore& store, uint32_t domain_number, uint64_t generation)
      : store_(store), domain_number_(domain_number), generation_(generation) {}

  absl::StatusOr<Closure> Run(const ObjectId& root) {
    Reach(root);
    bool at_root = true;
    while (!todo_.empty() && !closure_.more) {
      const std::vector<ObjectId> ids = NextBatch();
      NS_ASSIGN_OR_RETURN(auto found, store_.Find(domain_number_, ids));
      for (size_t i = 0; i < ids.size(); ++i) {
        NS_RETURN_IF_ERROR(Visit(ids[i], found[i], at_root));
      }
      at_root = false;
    }
    return std::move(closure_);
  }

 private:
  static constexpr size_t kBatch = 1024;

  void Reach(const ObjectId& id) {
    if (reached_.insert(id).second) todo_.push_back(id);
  }

  // From the end, so that few ids wait: depth first.
  std::vector<ObjectId> NextBatch() {
    const size_t count = std::min(kBatch, todo_.size());
    std::vector<ObjectId> ids(todo_.end() - static_cast<ptrdiff_t>(count),
                              todo_.end());
    todo_.resize(todo_.size() - count);
    return ids;
  }

  void Miss(const ObjectId& id) {
    if (closure_.missing.size() < kMaxMissingIds) {
      closure_.missing.push_back(id);
    } else {
      closure_.more = true;
    }
  }

  absl::Status Visit(const ObjectId& id,
                     const std::optional<ObjectLocation>& location,
                     bool at_root) {
    if (!location || location->kind == ObjectKind::kManifest) {
      Miss(id);
      return absl::OkStatus();
    }
    if (location->kind == ObjectKind::kData) {
      if (!at_root) return absl::OkStatus();
      return absl::InvalidArgumentError("the manifest's root is not a node");
    }
    if (location->closed_generation == generation_) return absl::OkStatus();
    return ReadNode({domain_number_, id, *location});
  }

  absl::Status ReadNode(IndexEntry entry) {
    absl::StatusOr<std::string> bytes = store_.Read(entry.id, entry.location);
    if (absl::IsDataLoss(bytes.status())) {
      Miss(entry.id);
      return store_.Quarantine(entry, bytes.status().message());
    }
    NS_RETURN_IF_ERROR(bytes.status());
    NS_ASSIGN_OR_RETURN(ObjectView view, ParseObject(AsBytes(*bytes)));
    for (size_t i = 0; i < view.ref_count(); ++i) Reach(view.ref(i));
    entry.location.closed_generation = generation_;
    closure_.proved.push_back(entry);
    return absl::OkStatus();
  }

  ObjectStore& store_;
  const uint32_t domain_number_;
  const uint64_t generation_;
  std::vector<ObjectId> todo_;
  absl::flat_hash_set<ObjectId> reached_;
  Closure closure_;
};

}  // namespace

absl::StatusOr<Closure> WalkClosure(ObjectStore& store, uint32_t domain_number,
                                    const ObjectId& root, uint64_t generation) {
  return Walk(store, domain_number, generation).Run(root);
}

}  // namespace nightsafe
