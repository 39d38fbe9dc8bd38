#include "server/vault/recovery.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "server/pack/seal.h"
#include "server/vault/lost_pack.h"
#include "server/vault/recovery_index.h"
#include "server/vault/snapshot_names.h"
#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

// One vault's recovery; lives for one call.
class Recovery {
 public:
  Recovery(FileSystem& fs, const VaultPaths& paths,
           const VaultRegistration& vault, ObjectIndex& index,
           VaultJournal& journal, StartupReport& report,
           const IndexProgress& progress)
      : fs_(fs),
        paths_(paths),
        vault_(vault),
        index_(index),
        known_(index, vault.id, journal),
        journal_(journal),
        report_(report),
        progress_(progress) {}

  absl::Status Run() {
    NS_RETURN_IF_ERROR(known_.Load());
    // A kill leaves names that no sync covered: what is indexed or sealed below
    // must not vanish with them.
    NS_RETURN_IF_ERROR(fs_.SyncDirectory(paths_.open));
    NS_RETURN_IF_ERROR(fs_.SyncDirectory(paths_.sealed));
    NS_ASSIGN_OR_RETURN(packs_, ListPacks(fs_, paths_));
    if (journal_.found_torn_tail()) {
      Note("the journal ends with a record that was never finished");
    }
    NS_RETURN_IF_ERROR(BeginRebuild());
    const int64_t begun_ns = journal_.Read(
        [](const VaultState& state) { return state.last_time_ns(); });
    NS_RETURN_IF_ERROR(FinishPacks());
    AddEarlierLosses(vault_.name, journal_, begun_ns, report_.losses);
    NS_KILL_POINT("recovery.packs-finished");
    NS_RETURN_IF_ERROR(LosePacks());
    return rebuild_ ? EndRebuild() : CatchUp();
  }

 private:
  void Note(absl::string_view what) {
    report_.notes.push_back(absl::StrCat("vault ", vault_.name, ": ", what));
  }

  void NoteUnreadable(const PackId& pack, const PackContents& contents) {
    report_.notes.push_back(
        UnreadablePack(vault_.name, pack, contents.unreadable));
  }

  PackStates States() const {
    return journal_.Read([](const VaultState& state) { return state.packs(); });
  }

  // An index that says nothing of this vault, or more than the journal, is
  // made again.
  absl::Status BeginRebuild() {
    rebuild_ = known_.state().journal_records == 0 ||
               known_.state().journal_records > journal_.records();
    if (!rebuild_) return absl::OkStatus();
    if (known_.state().journal_records > journal_.records()) {
      records_lost_ = true;
      report_.losses.push_back(
          absl::StrCat("vault ", vault_.name, ": the journal ends after ",
                       journal_.records(), " records, and had ",
                       known_.state().journal_records,
                       " at least: what was recorded behind that is lost"));
    }
    NS_RETURN_IF_ERROR(known_.Erase());
    NS_KILL_POINT("recovery.index-erased");
    if (packs_.empty() && States().empty()) return absl::OkStatus();
    Note("the object index is made anew");
    return RaiseGeneration(journal_, "the object index is made anew");
  }

  absl::Status EndRebuild() {
    NS_ASSIGN_OR_RETURN(
        uint64_t objects,
        IndexVault(fs_, paths_, vault_, index_, journal_, report_, progress_));
    report_.objects_indexed += objects;
    return absl::OkStatus();
  }

  absl::Status FinishPacks() {
    const PackStates states = States();
    for (const auto& [pack, place] : packs_) {
      const PackState* state = FindPack(states, pack);
      if (IsSettled(place, state)) continue;
      if (state != nullptr && state->lost && !state->removed) {
        if (!HasItsHeader(fs_, paths_, vault_.id, pack, place)) continue;
        if (state->sealed) {
          NS_RETURN_IF_ERROR(LookForLost(pack, *state));
          continue;
        }
      }
      if (state != nullptr && state->sealed && place == PackPlace::kSealed) {
        continue;
      }
      report_.clean = false;
      NS_RETURN_IF_ERROR(FinishPack(pack, place, state));
    }
    return absl::OkStatus();
  }

  // A file under the name of a lost pack: somebody may have put it back.
  absl::Status LookForLost(const PackId& pack, const PackState& state) {
    NS_ASSIGN_OR_RETURN(const auto found,
                        FindLostPack(fs_, paths_, vault_.id, pack, state));
    if (!found.has_value()) return absl::OkStatus();
    if (found->contents.unreadable.empty()) return TakeBack(pack, *found);
    NoteUnreadable(pack, found->contents);
    return absl::OkStatus();
  }

  absl::Status TakeBack(const PackId& pack, const FoundPack& found) {
    NS_RETURN_IF_ERROR(known_.Drop(pack, found.contents.entries).status());
    NS_RETURN_IF_ERROR(known_.AddAnew(pack, found.contents));
    Note(absl::StrCat(
        "pack ", PackFileName(pack),
        ", which was lost, is there again: ", found.contents.entries.size(),
        " of its ", found.sealed.toc.entries.size(), " objects are right"));
    return journal_.Update([&found](const VaultState&, int64_t) {
      return std::vector<VaultRecord>{SealedRecord(found.sealed)};
    });
  }

  // What the page cache had goes to the disk first, and is read back from it.
  absl::Status FinishPack(const PackId& pack, PackPlace place,
                          const PackState* state) {
    const std::string path = PackPath(paths_, pack, place);
    NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs_.OpenForRead(path));
    NS_RETURN_IF_ERROR(file->SyncData());
    NS_KILL_POINT("recovery.pack-synced");
    file->DropCache();
    const uint64_t limit = state != nullptr && state->dead
                               ? state->synced_length
                               : std::numeric_limits<uint64_t>::max();
    const uint64_t promised = std::max(
        state == nullptr ? 0 : state->synced_length, known_.Length(pack));
    absl::StatusOr<PackContents> contents = ScanContents(*file, limit);
    if (absl::IsDataLoss(contents.status())) contents = PackContents{};
    if (!contents.ok()) return Annotate(contents.status(), path);
    if (!contents->unreadable.empty()) {
      return Leave(pack, state, *std::move(contents));
    }
    if (contents->entries.empty()) {
      if (promised == 0) return Abandon(pack);
      return Lose(pack, state, {}, "nothing in it can be read");
    }
    return SealRecovered(pack, state, *contents, promised);
  }

  // Some of it cannot be read now: nothing is forgotten or finished, and the
  // next start looks again. What the journal promised and the index lost is
  // indexed as far as it was read.
  absl::Status Leave(const PackId& pack, const PackState* state,
                     PackContents contents) {
    left_.insert(pack);
    if (rebuild_) return absl::OkStatus();  // IndexVault says and does the same
    NoteUnreadable(pack, contents);
    const uint64_t promised = state == nullptr ? 0 : state->synced_length;
    if (known_.Length(pack) >= promised) return absl::OkStatus();
    NS_RETURN_IF_ERROR(
        RaiseGeneration(journal_, "the object index was behind"));
    KeepPromised(promised, contents);
    return known_.WriteEntries(pack, contents, known_.Length(pack));
  }

  // Nothing in it was ever promised. The file stays for the sweeper.
  absl::Status Abandon(const PackId& pack) {
    NS_KILL_POINT("recovery.before-abandon");
    return journal_.Update([&](const VaultState&, int64_t) {
      return std::vector<VaultRecord>{
          DeadRecord(pack, 0, "no whole object in it")};
    });
  }

  absl::Status SealRecovered(const PackId& pack, const PackState* state,
                             const PackContents& contents, uint64_t promised) {
    NS_ASSIGN_OR_RETURN(const bool damaged, IsDamaged(pack, state, contents));
    IndexLoss loss;
    if (damaged) {
      NS_RETURN_IF_ERROR(RaiseGeneration(journal_, "a pack is damaged"));
      NS_ASSIGN_OR_RETURN(loss, known_.Drop(pack, contents.entries));
    }
    NS_RETURN_IF_ERROR(known_.Add(pack, contents));
    NS_KILL_POINT("recovery.pack-indexed");
    const Toc toc{
        .vault = vault_.id,
        .pack = pack,
        .pack_class = contents.entries.front().kind == ObjectKind::kData
                          ? PackClass::kData
                          : PackClass::kNode,
        .pack_length = contents.length,
        .entries = contents.entries};
    NS_ASSIGN_OR_RETURN(SealedPack sealed,
                        SealPack(fs_, paths_.open, paths_.sealed, toc));
    NS_KILL_POINT("recovery.pack-sealed");
    NoteManifests(contents);
    ++report_.packs_recovered;
    report_.objects_recovered += contents.entries.size();
    if (damaged) {
      Report(pack, state, loss,
             absl::StrCat("is damaged at offset ", contents.intact_length,
                          ", before its synced length ", promised));
    }
    return journal_.Update([&](const VaultState&, int64_t) {
      return std::vector<VaultRecord>{SealedRecord(sealed)};
    });
  }

  // Whether something promised is gone. Holes that were there when a recovery
  // that was interrupted indexed the pack are none.
  absl::StatusOr<bool> IsDamaged(const PackId& pack, const PackState* state,
                                 const PackContents& contents) {
    if (state != nullptr && contents.intact_length < state->synced_length) {
      return true;
    }
    if (contents.intact_length >= known_.Length(pack)) return false;
    NS_ASSIGN_OR_RETURN(IndexBatch gone,
                        known_.EntriesNotIn(pack, contents.entries));
    return !gone.erased.empty();
  }

  // Snapshots without a commit record: the agent may have got its answer.
  void NoteManifests(const PackContents& contents) {
    if (!journal_.found_torn_tail() && !records_lost_) return;
    const auto ids = journal_.Read([&](const VaultState& state) {
      return UncommittedManifests(state, contents.entries);
    });
    for (const ObjectId& id : ids) {
      if (records_lost_) {
        report_.losses.push_back(absl::StrCat(
            "vault ", vault_.name, ": snapshot ", id.Hex(),
            " may be among them: it is not listed; back up that host again"));
      } else {
        Note(absl::StrCat("the commit of snapshot ", id.Hex(),
                          " was interrupted; its agent will ask again"));
      }
    }
  }

  // Packs that journal or index name and the disk does not have, or not whole.
  absl::Status LosePacks() {
    const PackStates states = States();
    const auto indexed = known_.state().indexed_lengths;
    for (const auto& [pack, length] : indexed) {
      if (length == 0 || packs_.contains(pack) || states.contains(pack)) {
        continue;
      }
      NS_RETURN_IF_ERROR(Lose(pack, nullptr, {}, "is missing"));
    }
    for (const auto& [pack, state] : states) {
      if (state.synced_length == 0 || state.removed) continue;
      if (left_.contains(pack)) continue;
      const std::string path = paths_.SealedPack(pack);
      absl::StatusOr<FileInfo> info = fs_.Stat(path);
      if (info.ok() && info->size_bytes >= state.synced_length) continue;
      if (absl::IsNotFound(info.status())) {
        NS_RETURN_IF_ERROR(Lose(pack, &state, {}, "is missing"));
        continue;
      }
      NS_RETURN_IF_ERROR(info.status());
      NS_RETURN_IF_ERROR(LoseTail(pack, state, path, info->size_bytes));
    }
    return absl::OkStatus();
  }

  absl::Status LoseTail(const PackId& pack, const PackState& state,
                        const std::string& path, uint64_t size) {
    NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs_.OpenForRead(path));
    absl::StatusOr<PackContents> contents = ScanContents(*file, size);
    if (absl::IsDataLoss(contents.status())) contents = PackContents{};
    if (contents.ok() && !contents->unreadable.empty()) {
      return Leave(pack, &state, *std::move(contents));
    }
    NS_RETURN_IF_ERROR(contents.status());
    return Lose(pack, &state, *contents,
                absl::StrCat("has ", size, " bytes, ", state.synced_length,
                             " were synced"));
  }

  // First the generation: once the index has forgotten, only its closed marks
  // would tell of the pack. "Lost" comes last: then nobody looks again.
  absl::Status Lose(const PackId& pack, const PackState* state,
                    const PackContents& rest, absl::string_view reason) {
    report_.clean = false;
    NS_RETURN_IF_ERROR(RaiseGeneration(journal_, "a pack is lost"));
    NS_KILL_POINT("recovery.loss-raised");
    NS_ASSIGN_OR_RETURN(IndexLoss loss, known_.Drop(pack, rest.entries));
    NS_RETURN_IF_ERROR(known_.MarkLength(pack, rest.length));
    NS_KILL_POINT("recovery.loss-dropped");
    Report(pack, state, loss, reason);
    return journal_.Update([&](const VaultState&, int64_t) {
      return std::vector<VaultRecord>{LostRecord(pack, rest.length, reason)};
    });
  }

  void Report(const PackId& pack, const PackState* state, const IndexLoss& loss,
              absl::string_view reason) {
    const uint64_t first = state == nullptr ? 0 : state->first_sequence;
    // Without any, a start before this one may have come as far as to erase
    // them and no further.
    const bool counted = !rebuild_ && loss.objects > 0;
    const std::string snapshots = journal_.Read([&](const VaultState& now) {
      return NameSnapshots(now, first, loss.domains);
    });
    const std::string gone =
        counted ? absl::StrCat(", ", loss.objects, " objects are gone") : "";
    report_.losses.push_back(
        DescribeLoss(vault_.name, pack, absl::StrCat(reason, gone), snapshots));
  }

  // An index that lost batches, or a collection killed before its record: packs
  // it knows too little of are read again, lost and removed ones forgotten.
  absl::Status CatchUp() {
    bool raised = false;
    for (const auto& [pack, state] : States()) {
      if (left_.contains(pack)) continue;
      const uint64_t indexed = known_.Length(pack);
      const uint64_t wanted = state.removed ? 0 : state.synced_length;
      const bool ahead = (state.lost || state.removed) && indexed > wanted;
      if (indexed >= wanted && !ahead) continue;
      if (!raised) {
        NS_RETURN_IF_ERROR(
            RaiseGeneration(journal_, "the object index was behind"));
        NS_KILL_POINT("recovery.behind-raised");
        raised = true;
      }
      NS_RETURN_IF_ERROR(Reindex(pack, state));
    }
    if (raised) Note("the object index was behind the journal");
    return absl::OkStatus();
  }

  absl::Status Reindex(const PackId& pack, const PackState& state) {
    PackContents contents;
    if (state.synced_length > 0 && !state.removed) {
      NS_ASSIGN_OR_RETURN(contents, LoadContents(fs_, paths_, vault_.id, pack,
                                                 PackPlace::kSealed, &state));
    }
    if (!contents.unreadable.empty()) {
      return Leave(pack, &state, std::move(contents));
    }
    NS_RETURN_IF_ERROR(known_.Drop(pack, contents.entries).status());
    NS_KILL_POINT("recovery.behind-dropped");
    NS_RETURN_IF_ERROR(known_.AddAnew(pack, contents));
    report_.objects_indexed += contents.entries.size();
    return absl::OkStatus();
  }

  FileSystem& fs_;
  const VaultPaths& paths_;
  const VaultRegistration& vault_;
  ObjectIndex& index_;
  RecoveryIndex known_;
  VaultJournal& journal_;
  StartupReport& report_;
  const IndexProgress& progress_;
  std::map<PackId, PackPlace> packs_;
  absl::flat_hash_set<PackId> left_;  // cannot be read now
  bool rebuild_ = false;
  bool records_lost_ = false;  // the journal is shorter than the index knows
};

}  // namespace

absl::Status RecoverVault(FileSystem& fs, const VaultPaths& paths,
                          const VaultRegistration& vault, ObjectIndex& index,
                          VaultJournal& journal, StartupReport& report,
                          const IndexProgress& progress) {
  return Recovery(fs, paths, vault, index, journal, report, progress).Run();
}

absl::Status RaiseGeneration(VaultJournal& journal, absl::string_view reason) {
  return journal.Update([&](const VaultState& state, int64_t) {
    return std::vector<VaultRecord>{NextGeneration(state, reason)};
  });
}

}  // namespace nightsafe
