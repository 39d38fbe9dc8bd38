#include "server/vault/damage.h"

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/object/object.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {
namespace {

// Of one node or snapshot; what lies above is a minimum. Bounds the memory of
// a search in which very many snapshots lack something.
constexpr size_t kMaxHits = 512;
// Bounds the memory of a search.
constexpr size_t kMaxWholeNodes = 4 << 20;
constexpr size_t kMaxDamagedObjects = 1 << 20;
constexpr absl::Duration kTurnInterval = absl::Milliseconds(20);

// Places of damaged objects that a node reaches: ascending, each once.
struct Hits {
  std::vector<uint32_t> objects;
  bool more = false;

  void Add(const Hits& other) {
    std::vector<uint32_t> merged;
    std::set_union(objects.begin(), objects.end(), other.objects.begin(),
                   other.objects.end(), std::back_inserter(merged));
    more |= other.more;
    objects = std::move(merged);
    Trim();
  }
  void Trim() {
    if (objects.size() <= kMaxHits) return;
    objects.resize(kMaxHits);
    more = true;
  }
};

// One search; lives for one call.
class Search {
 public:
  Search(ObjectStore& store, absl::flat_hash_set<ObjectKeyPair>& whole,
         const std::function<bool()>& must_end)
      : store_(store), whole_(whole), must_end_(must_end) {}

  // Not fine, whoever reaches it.
  void AddKnown(DamagedObject object) {
    Place(std::move(object), /*known=*/true);
  }

  void AddUnreadablePack(const PackId& pack) { unreadable_packs_.insert(pack); }

  absl::Status Walk(const HitSnapshot& snapshot, uint32_t domain_number,
                    const ObjectId& root) {
    NS_ASSIGN_OR_RETURN(Hits hits, Visit(domain_number, root));
    if (ended_ || hits.objects.empty()) return absl::OkStatus();
    HitSnapshot hit = snapshot;
    hit.objects = hits.objects.size();
    hit.more = hits.more;
    damage_.trimmed |= hits.more;
    damage_.snapshots.push_back(std::move(hit));
    hits_.push_back(std::move(hits.objects));
    return absl::OkStatus();
  }

  Damage Finish() {
    if (ended_) {
      damage_.complete = false;
      damage_.snapshots.clear();
      return std::move(damage_);
    }
    for (size_t i = hits_.size(); i-- > 0;) {
      for (const uint32_t place : hits_[i]) {
        DamagedObject& object = damage_.objects[place];
        if (object.snapshots.size() < kMaxNamedSnapshots) {
          object.snapshots.push_back(i);
        } else {
          ++object.more_snapshots;
        }
      }
    }
    return std::move(damage_);
  }

 private:
  // A node whose children are being visited.
  struct Frame {
    ObjectId id;
    std::vector<ObjectId> nodes;  // still to visit
    Hits hits;
  };

  uint32_t Place(DamagedObject object, bool known) {
    const ObjectKeyPair key(object.domain_number, object.id);
    const auto [it, added] =
        places_.try_emplace(key, static_cast<uint32_t>(damage_.objects.size()));
    if (added) {
      damage_.objects.push_back(std::move(object));
      if (known) known_.insert(key);
    }
    return it->second;
  }

  // Depth first, without recursion: a host decides how deep a tree is.
  absl::StatusOr<Hits> Visit(uint32_t domain, const ObjectId& root) {
    std::vector<Frame> stack(1);
    stack.back().nodes = {root};
    while (true) {
      ended_ = ended_ || must_end_();
      if (ended_) return Hits{};
      Frame& top = stack.back();
      if (!top.nodes.empty()) {
        const ObjectId id = top.nodes.back();
        top.nodes.pop_back();
        NS_RETURN_IF_ERROR(Enter(domain, id, stack));
        continue;
      }
      Hits hits = std::move(top.hits);
      if (stack.size() == 1) return hits;
      const ObjectKeyPair key(domain, top.id);
      stack.pop_back();
      stack.back().hits.Add(hits);
      if (!hits.objects.empty()) {
        hit_nodes_.try_emplace(key, std::move(hits));
      } else if (whole_.size() < kMaxWholeNodes) {
        whole_.insert(key);
      }
    }
  }

  absl::Status Enter(uint32_t domain, const ObjectId& id,
                     std::vector<Frame>& stack) {
    const ObjectKeyPair key(domain, id);
    if (whole_.contains(key)) return absl::OkStatus();
    if (const auto it = hit_nodes_.find(key); it != hit_nodes_.end()) {
      stack.back().hits.Add(it->second);
      return absl::OkStatus();
    }
    NS_ASSIGN_OR_RETURN(auto found, store_.Find(domain, std::span(&id, 1)));
    if (AddIfDamaged(domain, id, found[0], stack.back().hits)) {
      return absl::OkStatus();
    }
    const absl::StatusOr<std::string> bytes =
        store_.Read(domain, id, *found[0]);
    const absl::StatusOr<ObjectView> view =
        bytes.ok() ? ParseObject(AsBytes(*bytes)) : bytes.status();
    if (!view.ok()) {
      AddHit({.domain_number = domain,
              .id = id,
              .verdict = VerdictOf(view.status()),
              .pack = PackFileName(found[0]->pack),
              .offset = found[0]->offset,
              .reason = std::string(view.status().message())},
             stack.back().hits);
      return absl::OkStatus();
    }
    Frame frame{.id = id};
    NS_RETURN_IF_ERROR(SortRefs(domain, *view, frame));
    stack.push_back(std::move(frame));
    return absl::OkStatus();
  }

  absl::Status SortRefs(uint32_t domain, const ObjectView& view, Frame& frame) {
    std::vector<ObjectId> refs;
    for (size_t i = 0; i < view.ref_count(); ++i) refs.push_back(view.ref(i));
    NS_ASSIGN_OR_RETURN(auto found, store_.Find(domain, refs));
    for (size_t i = 0; i < refs.size(); ++i) {
      if (AddIfDamaged(domain, refs[i], found[i], frame.hits)) continue;
      if (found[i]->kind == ObjectKind::kNode) frame.nodes.push_back(refs[i]);
    }
    return absl::OkStatus();
  }

  bool AddIfDamaged(uint32_t domain, const ObjectId& id,
                    const std::optional<ObjectLocation>& location, Hits& hits) {
    if (!location) {
      AddHit({.domain_number = domain,
              .id = id,
              .verdict = Verdict::kMissing,
              .reason = "it is not stored any more"},
             hits);
    } else if (known_.contains({domain, id}) ||
               unreadable_packs_.contains(location->pack)) {
      AddHit({.domain_number = domain,
              .id = id,
              .verdict = Verdict::kUnreadable,
              .pack = PackFileName(location->pack),
              .offset = location->offset,
              .reason = "its pack cannot be read"},
             hits);
    } else {
      return false;
    }
    return true;
  }

  void AddHit(DamagedObject object, Hits& hits) {
    if (damage_.objects.size() >= kMaxDamagedObjects &&
        !places_.contains({object.domain_number, object.id})) {
      hits.more = true;
      return;
    }
    Hits one;
    one.objects = {Place(std::move(object), /*known=*/false)};
    hits.Add(one);
  }

  ObjectStore& store_;
  absl::flat_hash_set<ObjectKeyPair>& whole_;
  const std::function<bool()>& must_end_;
  bool ended_ = false;
  Damage damage_;
  absl::flat_hash_map<ObjectKeyPair, uint32_t> places_;
  absl::flat_hash_set<ObjectKeyPair> known_;
  absl::flat_hash_set<PackId> unreadable_packs_;
  absl::flat_hash_map<ObjectKeyPair, Hits> hit_nodes_;
  std::vector<std::vector<uint32_t>> hits_;  // parallel to damage_.snapshots
};

struct Root {
  HitSnapshot snapshot;
  uint32_t domain_number = 0;
  ObjectId root;
};

}  // namespace

absl::StatusOr<Damage> DamageFinder::Find(
    const std::vector<ScrubProblem>& unreadable, absl::Time deadline,
    const std::function<bool()>& must_end) {
  const auto is_over = [&] {
    return absl::Now() > deadline || (must_end && must_end());
  };
  while (!mutex_.TryLock()) {
    if (is_over()) return Damage{.complete = false};
    absl::SleepFor(kTurnInterval);
  }
  absl::StatusOr<Damage> damage = Walk(unreadable, is_over);
  mutex_.Unlock();
  return damage;
}

absl::StatusOr<Damage> DamageFinder::Walk(
    const std::vector<ScrubProblem>& unreadable,
    const std::function<bool()>& must_end) {
  std::vector<Root> roots;
  std::vector<DamagedObject> known;
  uint64_t generation = 0;
  bool any = false;
  journal_.Read([&](const VaultState& state) {
    generation = state.generation();
    for (const auto& [object, copies] : state.quarantine()) {
      if (!HasOpenCopy(copies)) continue;
      const QuarantinedCopy& copy = copies.back();
      known.push_back({.domain_number = object.first,
                       .id = object.second,
                       .verdict = Verdict::kWrong,
                       .pack = PackFileName(copy.pack),
                       .offset = copy.offset,
                       .reason = copy.reason});
    }
    any = !known.empty() || !unreadable.empty();
    for (const auto& [pack, pack_state] : state.packs()) {
      any |= pack_state.lost;
    }
    if (!any) return;
    for (const SnapshotInfo& info : state.snapshots()) {
      if (info.life == SnapshotLife::kPurged) continue;
      const auto manifest = ParseManifest(AsBytes(info.manifest));
      if (!manifest.ok()) continue;  // such a commit record is refused
      roots.push_back({.snapshot = {.id = info.id,
                                    .sequence = info.sequence,
                                    .host = info.host,
                                    .set = info.set,
                                    .received = info.received},
                       .domain_number = info.domain_number,
                       .root = manifest->root});
    }
  });
  if (!any) return Damage{};
  if (generation != generation_ || !unreadable.empty()) whole_.clear();
  generation_ = generation;
  Search search(store_, whole_, must_end);
  for (DamagedObject& object : known) search.AddKnown(std::move(object));
  for (const ScrubProblem& problem : unreadable) {
    if (problem.id.IsZero()) {
      const auto pack = ParsePackFileName(problem.pack);
      if (pack.has_value()) search.AddUnreadablePack(*pack);
      continue;
    }
    search.AddKnown({.domain_number = problem.domain_number,
                     .id = problem.id,
                     .verdict = Verdict::kUnreadable,
                     .pack = problem.pack,
                     .offset = problem.offset,
                     .reason = problem.detail});
  }
  for (const Root& root : roots) {
    NS_RETURN_IF_ERROR(
        search.Walk(root.snapshot, root.domain_number, root.root));
  }
  return search.Finish();
}

}  // namespace nightsafe
