#include "server/vault/change_measure.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "common/object/object.h"

namespace nightsafe {
namespace {

// Objects looked up for one commit: about two seconds.
constexpr size_t kMaxLookups = 1 << 20;

// Walks the part of a tree that another one does not share.
class Difference {
 public:
  explicit Difference(ObjectStore& store, uint32_t domain_number)
      : store_(store), domain_number_(domain_number) {}

  // Bytes below `root` without what `is_shared` says is reached by the other
  // tree and what lies below it. Adds everything it met to `met`.
  absl::StatusOr<uint64_t> Bytes(
      const ObjectId& root,
      const std::function<bool(const ObjectId&)>& is_shared,
      absl::flat_hash_set<uint64_t>& met) {
    uint64_t bytes = 0;
    std::vector<ObjectId> refs = {root};
    while (true) {
      std::vector<ObjectId> fresh;
      for (const ObjectId& id : refs) {
        if (met.insert(IdPrefix(id)).second && !is_shared(id)) {
          fresh.push_back(id);
        }
      }
      NS_RETURN_IF_ERROR(Take(fresh, bytes));
      if (nodes_.empty()) return bytes;
      const IndexEntry node = nodes_.back();
      nodes_.pop_back();
      NS_ASSIGN_OR_RETURN(refs, RefsOf(node));
    }
  }

 private:
  absl::Status Take(const std::vector<ObjectId>& ids, uint64_t& bytes) {
    if (ids.empty()) return absl::OkStatus();
    lookups_ += ids.size();
    if (lookups_ > kMaxLookups) {
      return absl::ResourceExhaustedError("the trees differ by too much");
    }
    NS_ASSIGN_OR_RETURN(auto found, store_.Find(domain_number_, ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!found[i].has_value())
        return absl::NotFoundError("an object is gone");
      bytes += found[i]->length;
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
  size_t lookups_ = 0;
};

absl::StatusOr<ChangeMeasure> Measure(
    ObjectStore& store, uint32_t domain_number, const ObjectId& root,
    const ReachedObjects& reached,
    const std::optional<PreviousSnapshot>& previous) {
  ChangeMeasure measure;
  if (reached.overflown()) return measure;
  if (!reached.stopped()) measure.reached_bytes = reached.bytes();
  if (!previous.has_value()) {
    if (!reached.stopped()) return measure;
    absl::flat_hash_set<uint64_t> met;
    NS_ASSIGN_OR_RETURN(measure.reached_bytes,
                        Difference(store, domain_number)
                            .Bytes(
                                root, [](const auto&) { return false; }, met));
    return measure;
  }
  absl::flat_hash_set<uint64_t> old_side;
  NS_ASSIGN_OR_RETURN(
      const uint64_t lost,
      Difference(store, domain_number)
          .Bytes(
              previous->root,
              [&](const ObjectId& id) { return reached.Contains(id); },
              old_side));
  absl::flat_hash_set<uint64_t> new_side;
  NS_ASSIGN_OR_RETURN(const uint64_t gained,
                      Difference(store, domain_number)
                          .Bytes(
                              root,
                              [&](const ObjectId& id) {
                                return old_side.contains(IdPrefix(id));
                              },
                              new_side));
  if (previous->reached_bytes > 0) {
    measure.previous_bytes = previous->reached_bytes;
    measure.kept_bytes =
        previous->reached_bytes - std::min(lost, previous->reached_bytes);
    if (reached.stopped()) measure.reached_bytes = measure.kept_bytes + gained;
  } else if (!reached.stopped()) {
    // The previous one was never measured: what both reach is known now.
    measure.kept_bytes =
        measure.reached_bytes - std::min(gained, measure.reached_bytes);
    measure.previous_bytes = measure.kept_bytes + lost;
  }
  return measure;
}

}  // namespace

ChangeMeasure MeasureChange(ObjectStore& store, uint32_t domain_number,
                            const ObjectId& root, const ReachedObjects& reached,
                            const std::optional<PreviousSnapshot>& previous) {
  return Measure(store, domain_number, root, reached, previous)
      .value_or(ChangeMeasure{});
}

}  // namespace nightsafe
