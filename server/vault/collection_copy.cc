// How a collection copies what is needed of packs that hold little of it.
#include <algorithm>

#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "server/pack/pack_reader.h"
#include "server/vault/collection.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

// Fully dead packs need no copy, only one index batch.
constexpr size_t kMaxSources = 16;
// Copied, synced and told of at a time: a long sync at the end would hold up
// the commits beside it.
constexpr uint64_t kCopiedAtOnce = 8 << 20;
// Left free beside a copy, for the index and the journal.
constexpr uint64_t kSpareBytes = 16 << 20;

}  // namespace

absl::Status Collection::RunScrub(const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrCat("nothing more is collected: ", status.message(),
                   "; run `nightsafe-admin scrub`"));
}

absl::Status Collection::CopyGroup() {
  if (candidates_.empty()) return Finish();
  const StoreOptions& store = what_.store.options();
  const Candidate first = candidates_.back();
  const uint64_t limit =
      first.nodes ? store.node_pack_bytes : store.data_pack_bytes;
  rewrite_.emplace();
  std::unique_ptr<PackWriter> target;
  absl::Status status;
  uint64_t live = 0;
  while (status.ok() && !candidates_.empty()) {
    const Candidate next = candidates_.back();
    const bool fits = next.nodes == first.nodes &&
                      (next.live_bytes > 0) == (first.live_bytes > 0) &&
                      live + next.live_bytes <= limit;
    if (!rewrite_->sources.empty() &&
        (!fits || rewrite_->sources.size() == kMaxSources)) {
      break;
    }
    candidates_.pop_back();
    live += next.live_bytes;
    status = CopyPack(next, *rewrite_, target);
  }
  NS_KILL_POINT("collect.copied");
  if (status.ok() && what_.journal.generation() != generation_) {
    status =
        absl::AbortedError("the vault's generation changed: collect again");
  }
  if (status.ok() && target != nullptr) {
    status = SealTarget(*target, *rewrite_);
  }
  if (!status.ok()) {
    if (target != nullptr) Abandon(target->identity().pack);
    return status;
  }
  state_ = rewrite_->sources.empty() ? State::kCopy : State::kSwitch;
  return absl::OkStatus();
}

absl::Status Collection::CopyPack(const Candidate& pack, PackRewrite& rewrite,
                                  std::unique_ptr<PackWriter>& target) {
  absl::StatusOr<SealedPack> sealed =
      ReadToc(what_.fs, what_.paths.sealed, what_.vault, pack.pack);
  if (!sealed.ok()) return RunScrub(sealed.status());
  const bool journalled = what_.journal.Read([&](const VaultState& state) {
    const PackState* known = FindPack(state.packs(), pack.pack);
    return known != nullptr && known->sealed && !known->lost &&
           !known->removed && known->toc_hash == sealed->toc_hash;
  });
  if (!journalled) {
    return absl::DataLossError(absl::StrCat(
        "the table of contents of ", PackFileName(pack.pack),
        " is not the one that the journal names; run `nightsafe-admin scrub`"));
  }
  NS_ASSIGN_OR_RETURN(const SortedPack sorted,
                      what_.store.SortOut(pack.pack, sealed->toc.entries));
  // What the index has of the pack and its table has not would be lost. Nor is
  // a pack removed as long as its copy of something needed is quarantined.
  if (sorted.present != pack.entries || sorted.quarantined > 0) {
    return absl::OkStatus();
  }
  PackRewrite::Source source{.pack = pack.pack,
                             .length = pack.length,
                             .entries = std::move(sealed->toc.entries)};
  for (const PackEntry& entry : sorted.live) {
    source.live_bytes += StoredLength(entry.length);
  }
  if (!sorted.live.empty()) {
    NS_RETURN_IF_ERROR(CheckRoom(source.live_bytes));
    NS_RETURN_IF_ERROR(CopyObjects(pack.pack, sorted.live, rewrite, target));
  }
  rewrite.sources.push_back(std::move(source));
  return absl::OkStatus();
}

absl::Status Collection::CheckRoom(uint64_t bytes) {
  NS_ASSIGN_OR_RETURN(SpaceInfo space, what_.fs.Space(what_.paths.open));
  if (space.available_bytes >= bytes + kSpareBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "packs that hold nothing any more are removed; for copies of what is "
      "needed of the others the disk has no room: ",
      space.available_bytes, " bytes are free, ", bytes + kSpareBytes,
      " are needed; collect again when nightsafe-sweep has removed packs"));
}

absl::Status Collection::CopyObjects(const PackId& pack,
                                     const std::vector<PackEntry>& live,
                                     PackRewrite& rewrite,
                                     std::unique_ptr<PackWriter>& target) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<PackReader> reader,
                      PackReader::Open(what_.fs, what_.paths.SealedPack(pack)));
  for (const PackEntry& entry : live) {
    NS_ASSIGN_OR_RETURN(std::string bytes,
                        reader->ReadObject(entry.offset, entry.length));
    if (ObjectIdOf(AsBytes(bytes)) != entry.id) {
      return absl::DataLossError(absl::StrCat(
          "nothing more is collected: object ", entry.id.Hex(), " in pack ",
          PackFileName(pack), " is wrong; run `nightsafe-admin scrub`"));
    }
    if (target == nullptr) {
      const PackIdentity identity{.vault = what_.vault,
                                  .pack = RandomId<PackId>(),
                                  .pack_class = entry.kind == ObjectKind::kData
                                                    ? PackClass::kData
                                                    : PackClass::kNode,
                                  .marker = RandomId<PackMarker>()};
      NS_ASSIGN_OR_RETURN(
          target, PackWriter::Create(what_.fs, what_.paths.open, identity));
    }
    NS_ASSIGN_OR_RETURN(const PackEntry copy,
                        target->Append({.id = entry.id,
                                        .kind = entry.kind,
                                        .domain_number = entry.domain_number,
                                        .writer = entry.writer,
                                        .bytes = AsBytes(bytes)}));
    rewrite.copies[{entry.domain_number, entry.id}] = {
        .pack = target->identity().pack,
        .offset = copy.offset,
        .length = copy.length,
        .kind = copy.kind};
    progress_.rewritten_bytes += StoredLength(entry.length);
    if (progress_.rewritten_bytes - synced_bytes_ < kCopiedAtOnce) continue;
    synced_bytes_ = progress_.rewritten_bytes;
    NS_RETURN_IF_ERROR(target->Sync());
    if (options_.on_copied) NS_RETURN_IF_ERROR(options_.on_copied(progress_));
  }
  return absl::OkStatus();
}

absl::Status Collection::SealTarget(PackWriter& target, PackRewrite& rewrite) {
  NS_RETURN_IF_ERROR(target.Sync());
  NS_KILL_POINT("collect.synced");
  NS_ASSIGN_OR_RETURN(rewrite.target,
                      SealPack(what_.fs, what_.paths.open, what_.paths.sealed,
                               target.SyncedToc()));
  NS_KILL_POINT("collect.sealed");
  return absl::OkStatus();
}

void Collection::Abandon(const PackId& target) {
  what_.journal
      .Update([&](const VaultState&, int64_t) {
        return std::vector<VaultRecord>{
            DeadRecord(target, 0, "a collection was stopped")};
      })
      .IgnoreError();  // a start takes it for an unfinished pack
}

absl::Status Collection::Switch() {
  bool begun = false;
  const absl::Status status = what_.store.Switch(*rewrite_, generation_, begun);
  if (!status.ok() && begun) {
    keep_condemned_ = true;
  } else if (!status.ok() && rewrite_->target.has_value()) {
    Abandon(rewrite_->target->toc.pack);
  }
  NS_RETURN_IF_ERROR(status);
  for (const PackRewrite::Source& source : rewrite_->sources) {
    ++progress_.removed_packs;
    progress_.removed_bytes += source.length;
  }
  rewrite_.reset();
  state_ = State::kCopy;
  return candidates_.empty() ? Finish() : absl::OkStatus();
}

}  // namespace nightsafe
