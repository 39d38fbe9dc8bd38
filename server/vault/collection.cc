#include "server/vault/collection.h"

#include <algorithm>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/object/object.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

constexpr size_t kClearBatch = 4096;

}  // namespace

Collection::Collection(const CollectedVault& what,
                       const CollectOptions& options, int64_t now_ns)
    : what_(what), options_(options) {
  result_.figures.set_started_unix_ns(now_ns);
}

Collection::~Collection() {
  if (begun_ && !keep_condemned_) what_.store.touches().End();
}

absl::StatusOr<bool> Collection::Step() {
  absl::Status status;
  switch (state_) {
    case State::kBegin:
      status = Begin();
      break;
    case State::kMark:
      status = MarkSome();
      break;
    case State::kSurvey:
      status = Survey();
      break;
    case State::kPublish:
      status = Publish();
      break;
    case State::kClear:
      status = ClearSome();
      break;
    case State::kCopy:
      status = CopyGroup();
      break;
    case State::kSwitch:
      status = Switch();
      break;
    case State::kDone:
      return true;
    case State::kFailed:
      return failure_;
  }
  if (!status.ok()) {
    failure_ = status;
    state_ = State::kFailed;
    return status;
  }
  return state_ == State::kDone;
}

// Touches are queued before anything is listed, and the snapshots are listed
// last: what is committed meanwhile was touched.
absl::Status Collection::Begin() {
  NS_RETURN_IF_ERROR(what_.store.failure());
  if (what_.store.touches().has_condemned()) {
    return absl::FailedPreconditionError(
        "the object index failed during an earlier collection: restart the "
        "server, then collect again");
  }
  generation_ = what_.journal.generation();
  // What was put and never committed is in no index before.
  NS_RETURN_IF_ERROR(what_.store.Barrier({}, generation_));
  touched_ = what_.store.touches().Begin(what_.store.options().defect);
  begun_ = true;
  if (touched_.overflown) return TouchedTooMuch();
  NS_RETURN_IF_ERROR(FillTable());
  std::vector<std::pair<uint32_t, std::string>> manifests;
  const bool live_only =
      what_.store.options().defect == CollectionDefect::kMarkLiveOnly;
  what_.journal.Read([&](const VaultState& state) {
    const absl::flat_hash_set<SnapshotId> due = DueNow(state);
    for (const SnapshotInfo& info : state.snapshots()) {
      if (info.life == SnapshotLife::kPurged) continue;
      if (due.contains(info.id)) continue;
      if (live_only && info.life != SnapshotLife::kLive) continue;
      manifests.emplace_back(info.domain_number, info.manifest);
    }
  });
  for (const auto& [domain, object] : manifests) {
    NS_ASSIGN_OR_RETURN(Manifest manifest, ParseManifest(AsBytes(object)));
    Reach({domain, manifest.root, /*needed=*/true});
  }
  state_ = State::kMark;
  return absl::OkStatus();
}

// A dry run counts them as purged already.
absl::flat_hash_set<SnapshotId> Collection::DueNow(
    const VaultState& state) const {
  if (!options_.dry_run) return {};
  const auto due = state.retention().DueForPurge(
      absl::FromUnixNanos(result_.figures.started_unix_ns()));
  return {due.begin(), due.end()};
}

absl::Status Collection::FillTable() {
  marks_ = std::make_shared<MarkTable>();
  marks_->Reserve(what_.journal.Read([](const VaultState& state) {
    size_t objects = 0;
    for (const auto& [pack, pack_state] : state.packs()) {
      if (!pack_state.removed) objects += pack_state.objects;
    }
    return objects;
  }));
  NS_RETURN_IF_ERROR(
      what_.index.ForEach(what_.vault, [this](const IndexEntry& entry) {
        marks_->Add(entry.domain_number, entry.id, entry.location.kind);
        return absl::OkStatus();
      }));
  progress_.objects = marks_->objects();
  result_.objects = marks_->objects();
  result_.memory_bytes = marks_->memory_bytes();
  return absl::OkStatus();
}

void Collection::Reach(const ToRead& what) {
  switch (marks_->Mark(what.domain_number, what.id)) {
    case MarkTable::Answer::kData:
    case MarkTable::Answer::kMarkedNode:
      return;
    case MarkTable::Answer::kNewlyMarkedNode:
      break;
    case MarkTable::Answer::kUnknown:
      if (!others_.insert({what.domain_number, what.id}).second) return;
      break;
  }
  todo_.push_back(what);
}

void Collection::MarkTouched(const TouchedObjects& touched) {
  for (const auto& [domain, prefix] : touched.data) {
    marks_->MarkData(domain, prefix);
  }
  for (const auto& [domain, id] : touched.nodes) {
    Reach({domain, id, /*needed=*/false});
  }
}

absl::Status Collection::MarkSome() {
  for (size_t i = 0; i < options_.nodes_per_step && !todo_.empty(); ++i) {
    const ToRead what = todo_.back();
    todo_.pop_back();
    NS_ASSIGN_OR_RETURN(auto found, what_.store.Find(what.domain_number,
                                                     std::span(&what.id, 1)));
    if (found[0].has_value()) {
      NS_RETURN_IF_ERROR(ReadRefs(what, *found[0]));
    } else if (what.needed) {
      // A session's commit check would say so itself.
      ++result_.missing_objects;
      if (first_missing_.empty()) first_missing_ = what.id.Hex();
    }
  }
  if (!todo_.empty()) return absl::OkStatus();
  // Snapshots first: what they lack must be known as needed.
  if (!touched_marked_) {
    touched_marked_ = true;
    MarkTouched(std::exchange(touched_, {}));
    return absl::OkStatus();
  }
  const TouchedObjects queue = what_.store.touches().TakeQueue();
  if (queue.overflown) return TouchedTooMuch();
  MarkTouched(queue);
  if (!todo_.empty()) return absl::OkStatus();
  NS_RETURN_IF_ERROR(CheckGeneration());
  if (result_.missing_objects > 0 && !options_.override_missing) {
    return absl::FailedPreconditionError(absl::StrCat(
        "nothing is collected: snapshots lack ", result_.missing_objects,
        " objects (", first_missing_,
        " is the first), and what those reach cannot be told: let the next "
        "backups put them again, expire the snapshots that `nightsafe-admin "
        "status` names, or collect with --allow-missing"));
  }
  state_ = State::kSurvey;
  return absl::OkStatus();
}

absl::Status Collection::TouchedTooMuch() const {
  return absl::FailedPreconditionError(absl::StrCat(
      "a session relies on more than ", what_.store.touches().max_touches(),
      " objects: collect again when it has committed or expired"));
}

// What was purged since the collection began may be found damaged: that is no
// reason to speak of missing objects.
absl::Status Collection::CheckGeneration() const {
  if (what_.journal.generation() == generation_) return absl::OkStatus();
  return absl::AbortedError("the vault's generation changed: collect again");
}

absl::Status Collection::ReadRefs(const ToRead& what,
                                  const ObjectLocation& location) {
  if (location.kind != ObjectKind::kNode) return absl::OkStatus();
  const absl::StatusOr<std::string> bytes =
      what_.store.Read(what.domain_number, what.id, location);
  if (!bytes.ok()) {
    NS_RETURN_IF_ERROR(CheckGeneration());
    return RunScrub(bytes.status());
  }
  NS_ASSIGN_OR_RETURN(ObjectView view, ParseObject(AsBytes(*bytes)));
  for (size_t i = 0; i < view.ref_count(); ++i) {
    Reach({what.domain_number, view.ref(i), what.needed});
  }
  return absl::OkStatus();
}

// Only packs that were finished before the index is read and of which it has
// everything: not those that a start could not read.
absl::Status Collection::Survey() {
  std::vector<std::pair<PackId, uint64_t>> finished;
  NS_ASSIGN_OR_RETURN(IndexState indexed, what_.index.State(what_.vault));
  what_.journal.Read([&](const VaultState& state) {
    for (const auto& [pack, pack_state] : state.packs()) {
      if (pack_state.sealed && !pack_state.lost && !pack_state.removed &&
          pack_state.synced_length > 0 &&
          indexed.indexed_lengths[pack] == pack_state.synced_length) {
        finished.emplace_back(pack, pack_state.synced_length);
      }
    }
  });
  const auto open = what_.store.UnsealedPacks();
  absl::flat_hash_map<PackId, PackSurvey> packs;
  uint64_t condemned = 0;
  uint64_t condemned_bytes = 0;
  uint64_t total_bytes = 0;
  NS_RETURN_IF_ERROR(
      what_.index.ForEach(what_.vault, [&](const IndexEntry& entry) {
        const uint64_t bytes = StoredLength(entry.location.length);
        total_bytes += bytes;
        PackSurvey& pack = packs[entry.location.pack];
        ++pack.entries;
        if (entry.location.kind != ObjectKind::kManifest &&
            marks_->IsUnmarked(entry.domain_number, entry.id)) {
          ++condemned;
          condemned_bytes += bytes;
          return absl::OkStatus();
        }
        pack.live_bytes += bytes;
        pack.nodes |= entry.location.kind != ObjectKind::kData;
        return absl::OkStatus();
      }));
  result_.total_bytes = total_bytes;
  result_.figures.set_marked_objects(marks_->marked());
  result_.figures.set_condemned_objects(condemned);
  result_.figures.set_condemned_bytes(condemned_bytes);
  result_.unusual_share = condemned_bytes > total_bytes / 2;
  progress_.marked_objects = marks_->marked();
  progress_.condemned_bytes = condemned_bytes;
  if (options_.dry_run) {
    finished.insert(finished.end(), open.begin(), open.end());
    ChooseCandidates(packs, finished);
    state_ = State::kDone;
    return absl::OkStatus();
  }
  if (result_.unusual_share && !options_.override_share) {
    return absl::FailedPreconditionError(absl::StrCat(
        "nothing is collected: ", condemned_bytes, " of ", total_bytes,
        " bytes would go, more than half of the vault; if that is meant, "
        "collect with --allow-large"));
  }
  ChooseCandidates(packs, open);
  if (!candidates_.empty() && !open_finished_) {
    open_finished_ = true;
    // One that cannot be finished now stays as it is.
    what_.store.SealAll().IgnoreError();
    return absl::OkStatus();  // surveys again
  }
  ChooseCandidates(packs, finished);
  state_ = State::kPublish;
  return absl::OkStatus();
}

void Collection::ChooseCandidates(
    const absl::flat_hash_map<PackId, PackSurvey>& packs,
    const std::vector<std::pair<PackId, uint64_t>>& finished) {
  candidates_.clear();
  progress_.total_packs = 0;
  progress_.total_bytes = 0;
  result_.freed_bytes = 0;
  for (const auto& [pack, length] : finished) {
    const auto it = packs.find(pack);
    const PackSurvey survey = it == packs.end() ? PackSurvey{} : it->second;
    if (static_cast<double>(survey.live_bytes) >
        options_.max_live_share * static_cast<double>(length)) {
      continue;
    }
    candidates_.push_back(
        {pack, length, survey.live_bytes, survey.entries, survey.nodes});
    ++progress_.total_packs;
    progress_.total_bytes += length;
    result_.freed_bytes += length - std::min(length, survey.live_bytes);
  }
  // Where most is to be had for the least copying comes first: on a full disk
  // that is all there is room for.
  const auto key = [](const Candidate& candidate) {
    return std::tuple(candidate.live_bytes > 0, candidate.nodes,
                      static_cast<double>(candidate.live_bytes) /
                          static_cast<double>(candidate.length),
                      candidate.pack);
  };
  std::sort(candidates_.begin(), candidates_.end(),
            [&](const auto& a, const auto& b) { return key(b) < key(a); });
}

absl::Status Collection::Publish() {
  unmarked_nodes_ = marks_->UnmarkedNodes();
  NS_ASSIGN_OR_RETURN(const bool published,
                      what_.store.Condemn(marks_, generation_));
  if (!published) {
    state_ = State::kMark;
    return absl::OkStatus();
  }
  NS_KILL_POINT("collect.condemned");
  state_ = State::kClear;
  return absl::OkStatus();
}

// Also of those that were put again since: what is waiting may be lost in a
// crash, and then the old copy counts again.
absl::Status Collection::ClearSome() {
  const size_t end = std::min(unmarked_nodes_.size(), cleared_ + kClearBatch);
  NS_RETURN_IF_ERROR(what_.store.ClearClosed(
      std::span(unmarked_nodes_).subspan(cleared_, end - cleared_)));
  cleared_ = end;
  if (cleared_ < unmarked_nodes_.size()) return absl::OkStatus();
  NS_KILL_POINT("collect.cleared");
  unmarked_nodes_ = {};
  if (candidates_.empty()) return Finish();
  state_ = State::kCopy;
  return absl::OkStatus();
}

absl::Status Collection::Finish() {
  what_.store.touches().End();
  begun_ = false;
  VaultRecord::Collected& figures = result_.figures;
  figures.set_removed_packs(progress_.removed_packs);
  figures.set_removed_bytes(progress_.removed_bytes);
  figures.set_rewritten_bytes(progress_.rewritten_bytes);
  result_.freed_bytes =
      progress_.removed_bytes -
      std::min(progress_.removed_bytes, progress_.rewritten_bytes);
  NS_RETURN_IF_ERROR(what_.journal.Update([&](const VaultState&, int64_t) {
    VaultRecord record;
    *record.mutable_collected() = figures;
    return std::vector<VaultRecord>{record};
  }));
  NS_KILL_POINT("collect.recorded");
  state_ = State::kDone;
  return absl::OkStatus();
}

CollectProgress Collection::progress() const {
  CollectProgress progress = progress_;
  switch (state_) {
    case State::kBegin:
    case State::kMark:
      progress.phase = CollectPhase::kMarking;
      break;
    case State::kSurvey:
    case State::kPublish:
      progress.phase = CollectPhase::kSurveying;
      break;
    case State::kClear:
      progress.phase = CollectPhase::kClearing;
      break;
    case State::kCopy:
    case State::kSwitch:
      progress.phase = CollectPhase::kRewriting;
      break;
    case State::kDone:
    case State::kFailed:
      progress.phase = CollectPhase::kDone;
      break;
  }
  return progress;
}

CollectResult Collection::result() const { return result_; }

}  // namespace nightsafe
