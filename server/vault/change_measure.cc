#include "server/vault/change_measure.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "common/object/object.h"

namespace nightsafe {
namespace {

// Walks the part of a tree that another one does not share.
class Difference {
 public:
  using IsShared = std::function<bool(const ObjectId&)>;

  Difference(ObjectStore& store, uint32_t domain_number)
      : store_(store), domain_number_(domain_number) {}

  // Leaves out what `is_shared` says is reached by the other tree, and what
  // lies below it.
  void Walk(const ObjectId& root, const IsShared& is_shared) {
    whole_ = TryWalk(root, is_shared).ok();
  }

  // Of what was walked.
  uint64_t bytes() const {
    uint64_t bytes = 0;
    for (const auto& [prefix, length] : lengths_) bytes += length;
    return bytes;
  }
  // Nothing was left out for want of time or for an error.
  bool whole() const { return whole_; }
  // Also what is shared.
  bool HasMet(const ObjectId& id) const { return met_.contains(IdPrefix(id)); }
  // What the other one met is shared after all.
  void Subtract(const Difference& other) {
    absl::erase_if(lengths_, [&](const auto& item) {
      return other.met_.contains(item.first);
    });
  }

 private:
  absl::Status TryWalk(const ObjectId& root, const IsShared& is_shared) {
    std::vector<ObjectId> refs = {root};
    while (true) {
      std::vector<ObjectId> fresh;
      for (const ObjectId& id : refs) {
        if (met_.insert(IdPrefix(id)).second && !is_shared(id)) {
          fresh.push_back(id);
        }
      }
      NS_RETURN_IF_ERROR(Take(fresh));
      if (nodes_.empty()) return absl::OkStatus();
      const IndexEntry node = nodes_.back();
      nodes_.pop_back();
      NS_ASSIGN_OR_RETURN(refs, RefsOf(node));
    }
  }

  absl::Status Take(const std::vector<ObjectId>& ids) {
    if (ids.empty()) return absl::OkStatus();
    lookups_ += ids.size();
    if (lookups_ > store_.options().max_measured) {
      return absl::ResourceExhaustedError("the trees differ by too much");
    }
    NS_ASSIGN_OR_RETURN(auto found, store_.Find(domain_number_, ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!found[i].has_value())
        return absl::NotFoundError("an object is gone");
      lengths_[IdPrefix(ids[i])] = found[i]->length;
      if (found[i]->kind == ObjectKind::kNode) {
        nodes_.push_back({domain_number_, ids[i], *found[i]});
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<ObjectId>> RefsOf(const IndexEntry& entry) {
    NS_ASSIGN_OR_RETURN(std::string bytes,
                        store_.Read(domain_number_, entry.id, entry.location));
    NS_ASSIGN_OR_RETURN(ObjectView view, ParseObject(AsBytes(bytes)));
    std::vector<ObjectId> refs;
    for (size_t i = 0; i < view.ref_count(); ++i) refs.push_back(view.ref(i));
    return refs;
  }

  ObjectStore& store_;
  const uint32_t domain_number_;
  std::vector<IndexEntry> nodes_;
  absl::flat_hash_map<uint64_t, uint32_t> lengths_;
  absl::flat_hash_set<uint64_t> met_;
  size_t lookups_ = 0;
  bool whole_ = false;
};

// At least so much is reached.
uint64_t ReachedBytes(ObjectStore& store, uint32_t domain_number,
                      const ObjectId& root, const ReachedObjects& reached) {
  if (!reached.stopped()) return reached.bytes();
  Difference all(store, domain_number);
  all.Walk(root, [](const ObjectId&) { return false; });
  return all.bytes();
}

}  // namespace

ChangeMeasure MeasureChange(ObjectStore& store, uint32_t domain_number,
                            const ObjectId& root, const ReachedObjects& reached,
                            const std::optional<PreviousSnapshot>& previous) {
  ChangeMeasure measure;
  if (!previous.has_value()) {
    measure.reached_bytes = ReachedBytes(store, domain_number, root, reached);
    return measure;
  }
  Difference lost(store, domain_number);
  lost.Walk(previous->root,
            [&](const ObjectId& id) { return reached.Contains(id); });
  Difference gained(store, domain_number);
  if (lost.whole()) {
    gained.Walk(root, [&](const ObjectId& id) { return lost.HasMet(id); });
  }
  // What the check met and forgot looks lost.
  if (reached.overflown()) lost.Subtract(gained);
  if (previous->reached_bytes > 0) {
    measure.previous_bytes = previous->reached_bytes;
    if (lost.whole()) {
      measure.kept_bytes = measure.previous_bytes -
                           std::min(lost.bytes(), measure.previous_bytes);
    }
    measure.reached_bytes = measure.kept_bytes + gained.bytes();
    if (!reached.stopped() || !lost.whole() || !gained.whole()) {
      const uint64_t least = ReachedBytes(store, domain_number, root, reached);
      measure.reached_bytes = reached.overflown() || reached.stopped()
                                  ? std::max(measure.reached_bytes, least)
                                  : least;
    }
    return measure;
  }
  // The previous one was never measured: what both reach is known now.
  measure.reached_bytes = ReachedBytes(store, domain_number, root, reached);
  if (lost.whole() && gained.whole()) {
    measure.kept_bytes =
        measure.reached_bytes - std::min(gained.bytes(), measure.reached_bytes);
  }
  measure.previous_bytes = measure.kept_bytes + lost.bytes();
  return measure;
}

}  // namespace nightsafe
