#include "server/vault/deposit_session.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace nightsafe {

using v1::format::HostCertificate;
using v1::format::ManifestClear;
using v1::format::VaultRecord;

namespace {

// A commit begins again when a pack died or an object was quarantined
// meanwhile.
constexpr int kMaxCommitTries = 8;

// A host is told what it means for it, wherever space was missing.
absl::Status AsHostSeesIt(const absl::Status& status) {
  constexpr absl::string_view kIntact = "earlier snapshots are intact";
  if (!absl::IsResourceExhausted(status) ||
      absl::StrContains(status.message(), kIntact)) {
    return status;
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "the server's disk is full (", status.message(), "); ", kIntact,
      "; free space or add a disk, then start the backup "
      "again"));
}

std::vector<ObjectId> SplitIds(ByteView ids) {
  std::vector<ObjectId> split;
  for (; !ids.empty(); ids = ids.subspan(ObjectId::kSize)) {
    split.push_back(ObjectId::FromValidBytes(ids));
  }
  return split;
}

absl::Status CheckHost(const ManifestClear& clear,
                       const HostRegistration& host) {
  const HostCertificate& certificate = clear.certificate();
  if (clear.host() != host.name || certificate.host() != host.name) {
    return absl::PermissionDeniedError(
        absl::StrCat("the manifest is of host ", clear.host(),
                     ", deposited by ", host.name));
  }
  if (certificate.host_epoch() != host.host_epoch ||
      certificate.domain() != host.domain ||
      certificate.domain_epoch() != host.domain_epoch) {
    return absl::PermissionDeniedError(absl::StrCat(
        "the deposit key of ", host.name, " is for epoch ",
        certificate.host_epoch(), ", domain ", certificate.domain(), "/",
        certificate.domain_epoch(), "; registered are epoch ", host.host_epoch,
        ", domain ", host.domain, "/", host.domain_epoch,
        ": enrol the host again"));
  }
  return absl::OkStatus();
}

absl::Status CheckKeyed(const ManifestClear& clear) {
  if (clear.keyed_name().empty()) {
    if (clear.content_id().empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("content id without a name");
  }
  NS_RETURN_IF_ERROR(ValidateKeyedName(clear.keyed_name()));
  if (clear.content_id().size() == Fingerprint::kSize) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("content id of ", clear.content_id().size(), " bytes, ",
                   Fingerprint::kSize, " were expected"));
}

}  // namespace

DepositSession::DepositSession(ObjectStore& store, VaultJournal& journal,
                               SessionTable& sessions,
                               std::shared_ptr<SessionState> state,
                               const VaultRegistration& vault,
                               const HostRegistration& host,
                               absl::string_view set, const SessionId& session,
                               std::function<void()> closed)
    : store_(store),
      journal_(journal),
      sessions_(sessions),
      state_(std::move(state)),
      vault_(vault),
      host_(host),
      set_(set),
      session_(session),
      closed_(std::move(closed)) {}

DepositSession::~DepositSession() {
  sessions_.Leave(host_.name, session_);
  closed_();
}

void DepositSession::BetweenSteps() const {
  if (store_.options().between_steps) store_.options().between_steps();
}

absl::StatusOr<std::string> DepositSession::Wanted(ByteView ids) {
  const size_t count = ids.size() / ObjectId::kSize;
  if (count == 0 || count > kMaxOfferIds || ids.size() % ObjectId::kSize != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an offer of ", ids.size(), " bytes, 1 to ", kMaxOfferIds,
                     " ids of ", ObjectId::kSize, " bytes are allowed"));
  }
  NS_ASSIGN_OR_RETURN(auto found,
                      store_.FindAndTouch(*state_->touches, SplitIds(ids)));
  std::string bitmap((count + 7) / 8, '\0');
  for (size_t i = 0; i < count; ++i) {
    if (found[i].has_value()) continue;
    bitmap[i / 8] =
        static_cast<char>(static_cast<uint8_t>(bitmap[i / 8]) | 1u << (i % 8));
  }
  return bitmap;
}

absl::Status DepositSession::Put(ByteView object) {
  absl::StatusOr<ObjectView> view = ParseObject(object);
  if (!view.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("not an object: ", view.status().message()));
  }
  if (view->kind == ObjectKind::kManifest) {
    return absl::InvalidArgumentError(
        "a manifest cannot be put: it comes with the commit");
  }
  NS_ASSIGN_OR_RETURN(bool added,
                      store_.Put({.id = ObjectIdOf(object),
                                  .kind = view->kind,
                                  .domain_number = host_.domain_number,
                                  .writer = host_.writer,
                                  .bytes = object},
                                 state_->touches.get()));
  if (added) {
    ++state_->stored_objects;
    state_->stored_bytes += object.size();
  }
  return absl::OkStatus();
}

absl::StatusOr<CommitOutcome> DepositSession::Commit(ByteView object) {
  NS_ASSIGN_OR_RETURN(Manifest manifest, CheckManifest(object));
  for (int i = 0; i < kMaxCommitTries; ++i) {
    absl::StatusOr<CommitOutcome> outcome = TryCommit(manifest);
    if (outcome.ok()) {
      if (!std::holds_alternative<Incomplete>(*outcome)) {
        sessions_.End(host_.name, session_);
      }
      return outcome;
    }
    if (!absl::IsAborted(outcome.status())) {
      return AsHostSeesIt(outcome.status());
    }
  }
  return absl::UnavailableError(
      absl::StrCat("the vault changed under the commit ", kMaxCommitTries,
                   " times; try again later"));
}

bool DepositSession::committed() const {
  return journal_.Read([this](const VaultState& state) {
    return state.FindSession(host_.name, session_) != nullptr;
  });
}

absl::StatusOr<Manifest> DepositSession::CheckManifest(ByteView object) const {
  absl::StatusOr<Manifest> manifest = ParseManifest(object);
  if (!manifest.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a manifest: ", manifest.status().message()));
  }
  NS_RETURN_IF_ERROR(VerifyManifest(*manifest, vault_.id, vault_.verify_key,
                                    vault_.opening_key_id));
  const ManifestClear& clear = manifest->clear;
  NS_RETURN_IF_ERROR(CheckHost(clear, host_));
  if (clear.set() != set_) {
    return absl::PermissionDeniedError(absl::StrCat(
        "the manifest is of set ", clear.set(), ", the open one is ", set_));
  }
  if (clear.session() != session_.text()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the manifest is of session ", HexEncode(AsBytes(clear.session())),
        ", the open one is ", session_.Hex()));
  }
  NS_RETURN_IF_ERROR(CheckKeyed(clear));
  return manifest;
}

absl::StatusOr<std::optional<CommitOutcome>> DepositSession::Answer(
    const VaultState& state, const Manifest& manifest) const {
  if (const SnapshotInfo* done = state.FindSession(host_.name, session_)) {
    if (done->id == manifest.id) {
      return CommitOutcome(Committed{.snapshot = done->id,
                                     .received = done->received,
                                     .sequence = done->sequence});
    }
    return absl::FailedPreconditionError(
        absl::StrCat("session ", session_.Hex(), " committed snapshot ",
                     done->id.Hex(), " already"));
  }
  const ManifestClear& clear = manifest.clear;
  const bool is_keyed = !clear.keyed_name().empty();
  const std::optional<bool> keyed = state.IsKeyed(host_.name, set_);
  if (keyed && *keyed != is_keyed) {
    return absl::FailedPreconditionError(absl::StrCat(
        "set ", set_, " of host ", host_.name, *keyed ? " is" : " is not",
        " keyed: its first snapshot settled that; use another set"));
  }
  if (!is_keyed) return std::nullopt;
  const KeyedSnapshot* held =
      state.FindKeyed(host_.name, set_, clear.keyed_name());
  if (held == nullptr) return std::nullopt;
  const bool epoch_changed =
      held->domain_epoch != clear.certificate().domain_epoch();
  if (epoch_changed || held->content_id == clear.content_id()) {
    return CommitOutcome(SameContent{.snapshot = held->snapshot,
                                     .domain_epoch_changed = epoch_changed});
  }
  return CommitOutcome(ConflictingContent{.snapshot = held->snapshot});
}

// The steps of the durability contract; DESIGN.md of server/store numbers them.
absl::StatusOr<CommitOutcome> DepositSession::TryCommit(
    const Manifest& manifest) {
  NS_ASSIGN_OR_RETURN(std::optional<CommitOutcome> answer,
                      journal_.Read([&](const VaultState& state) {
                        return Answer(state, manifest);
                      }));
  if (answer) return *std::move(answer);
  NS_RETURN_IF_ERROR(store_.failure());
  uint64_t generation = journal_.generation();
  NS_ASSIGN_OR_RETURN(Closure closure, WalkClosure(store_, *state_->touches,
                                                   manifest.root, generation));
  if (!closure.missing.empty()) {
    return CommitOutcome(Incomplete{.missing = std::move(closure.missing),
                                    .more = closure.more});
  }
  NS_KILL_POINT("commit.closure-held");
  const ChangeMeasure measure =
      MeasureAgainstPrevious(manifest, closure.reached);
  BetweenSteps();
  NS_RETURN_IF_ERROR(StoreManifest(manifest));  // 1
  NS_KILL_POINT("commit.manifest-stored");
  BetweenSteps();
  if (store_.options().defect == CollectionDefect::kNewGenerationMarks) {
    generation = journal_.generation();
    for (IndexEntry& entry : closure.proved) {
      entry.location.closed_generation = generation;
    }
  }
  NS_RETURN_IF_ERROR(store_.Barrier(closure.proved, generation));  // 2 to 4
  NS_KILL_POINT("commit.barrier-passed");
  BetweenSteps();
  return AppendCommit(manifest, measure, generation);  // 5
}

ChangeMeasure DepositSession::MeasureAgainstPrevious(
    const Manifest& manifest, const ReachedObjects& reached) {
  std::optional<PreviousSnapshot> previous;
  std::string object;
  journal_.Read([&](const VaultState& state) {
    const auto& snapshots = state.snapshots();
    for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
      if (it->host != host_.name || it->set != set_) continue;
      if (it->domain_number != host_.domain_number) return;
      // What only a purged one reached may be gone.
      if (it->life == SnapshotLife::kPurged) return;
      previous = PreviousSnapshot{.reached_bytes = it->reached_bytes};
      object = it->manifest;
      return;
    }
  });
  if (previous.has_value()) {
    const auto parsed = ParseManifest(AsBytes(object));
    if (!parsed.ok()) return {};  // such a commit record is refused
    previous->root = parsed->root;
  }
  return MeasureChange(store_, host_.domain_number, manifest.root, reached,
                       previous);
}

// After the closure held, so that a refused commit leaves no manifest behind.
absl::Status DepositSession::StoreManifest(const Manifest& manifest) {
  return store_
      .Put({.id = ManifestObjectId(manifest.id),
            .kind = ObjectKind::kManifest,
            .domain_number = host_.domain_number,
            .writer = host_.writer,
            .bytes = AsBytes(manifest.object)})
      .status();
}

absl::StatusOr<CommitOutcome> DepositSession::AppendCommit(
    const Manifest& manifest, const ChangeMeasure& measure,
    uint64_t generation) {
  std::optional<CommitOutcome> outcome;
  NS_RETURN_IF_ERROR(journal_.Update(
      [&](const VaultState& state,
          int64_t now_ns) -> absl::StatusOr<std::vector<VaultRecord>> {
        // Another stream may have been here since the first look.
        NS_ASSIGN_OR_RETURN(outcome, Answer(state, manifest));
        if (outcome) return std::vector<VaultRecord>{};
        if (state.generation() != generation) {
          return absl::AbortedError("the vault's generation changed");
        }
        const uint64_t sequence = state.snapshots().size() + 1;
        outcome = Committed{.snapshot = manifest.id,
                            .received = absl::FromUnixNanos(now_ns),
                            .sequence = sequence};
        return std::vector<VaultRecord>{
            CommitRecord(manifest, measure, sequence, now_ns)};
      }));
  NS_KILL_POINT("commit.recorded");
  return *std::move(outcome);
}

VaultRecord DepositSession::CommitRecord(const Manifest& manifest,
                                         const ChangeMeasure& measure,
                                         uint64_t sequence,
                                         int64_t now_ns) const {
  VaultRecord record;
  VaultRecord::Commit& commit = *record.mutable_commit();
  commit.set_sequence(sequence);
  commit.set_received_unix_ns(now_ns);
  commit.set_host(host_.name);
  commit.set_set(set_);
  commit.set_session(std::string(session_.text()));
  commit.set_manifest(manifest.object);
  commit.set_new_bytes(state_->stored_bytes);
  commit.set_new_objects(state_->stored_objects);
  commit.set_previous_bytes(measure.previous_bytes);
  commit.set_kept_bytes(measure.kept_bytes);
  commit.set_reached_bytes(measure.reached_bytes);
  commit.set_domain_number(host_.domain_number);
  commit.set_writer(host_.writer);
  auto packs = store_.UnsealedPacks();
  std::sort(packs.begin(), packs.end());
  for (const auto& [pack, length] : packs) {
    VaultRecord::PackLength& unsealed = *commit.add_packs();
    unsealed.set_pack(std::string(pack.text()));
    unsealed.set_length(length);
  }
  return record;
}

}  // namespace nightsafe
